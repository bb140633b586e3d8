import hashlib
import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ecgrepro.claims import decide, ledger
from ecgrepro.claims.rules import rule_hashes
from ecgrepro.studies import designs, evidence, resnet1d
from ecgrepro.studies.arms import declared
from ecgrepro.studies.scale import configure
from ecgrepro.training.store import read_results
from tests.studies import fabricated

CLAIMS = {claim.id: claim for claim in ledger.load()}
GAIN = CLAIMS["WC-T1-beat2048-macro-minus-random"]
LEVEL = CLAIMS["WC-T1-none-macro"]
COUNTS = CLAIMS["DA-17v-v3"]
#: The pilot with two arms alone: all of it would take a minute to write.
PILOT = configure(resnet1d.SCALES, "pilot", arms=["random", "beat_2048"], labels=[1.0, 0.1])
RHYTHM = configure(resnet1d.SCALES, "pilot", arms=["rhythm"], seeds=1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without results; intervals are drawn with fewer resamples, for time."""
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    monkeypatch.setitem(resnet1d.SCALES, "pilot", PILOT)
    for name in ("arm_estimate", "paired_difference"):
        monkeypatch.setattr(evidence, name, partial(getattr(evidence, name), n_resamples=200))
    return tmp_path


def folder(home, scale="pilot"):
    return (home / "_work" if scale == "demo" else home) / "results" / scale / "resnet1d"


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """Results of the whole pilot, to be copied: writing them takes half a second."""
    place = tmp_path_factory.mktemp("pilot") / "results"
    fabricated.commit(place, fabricated.trials(PILOT), fabricated.gain)
    return place


@pytest.fixture
def commit(home, pilot):
    """A function that leaves results of a scale's trials in the home."""

    def leave(scale="pilot", accuracy=fabricated.gain, keep=lambda trial: True, settings=None, **run):
        listed = [trial for trial in fabricated.trials(settings or resnet1d.SCALES[scale]) if keep(trial)]
        if (scale, accuracy, settings, run) == ("pilot", fabricated.gain, None, {}):
            for trial in listed:
                shutil.copytree(pilot / trial.key, folder(home) / trial.key)
        else:
            fabricated.commit(folder(home, scale), listed, accuracy, **run)

    return leave


def test_without_results_nothing_is_estimated(home):
    assert evidence.estimates() == {}
    assert designs.results("resnet1d", "pilot") == []
    assert evidence.stored_rules() is None
    assert {row["verdict"] for row in evidence.ledger_rows() if row["rule"] != "arithmetic"} == {"not run"}


def test_a_difference_is_estimated_from_the_predictions(home, commit):
    commit()
    made = evidence.estimates()[GAIN.id]
    assert (made.scale, made.level, made.n_seeds, made.n_records) == (
        "pilot",
        0.95,
        5,
        5 * fabricated.RECORDS,
    )
    assert made.low < made.value < made.high
    assert made.low > 0
    assert "5 seeds, nested" in made.detail
    verdict = decide(GAIN, made)
    assert (verdict.word, verdict.substitute) == ("supported", True)


def test_a_difference_is_the_mean_over_seeds_of_the_scores(home, commit):
    from ecgrepro.evaluation import metrics
    from ecgrepro.evaluation.predictions import predicted_classes

    commit()
    found = designs.results("resnet1d", "pilot")

    def score(result):
        test = result["predictions"].query("part == 'test'")
        return metrics.macro_f1(metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), 4))

    means = [sum(map(score, designs.fine_tuning(found, arm, 1.0))) / 5 for arm in ("beat_2048", "random")]
    assert evidence.estimate(GAIN, "pilot").value == pytest.approx(means[0] - means[1])
    assert evidence.estimate(LEVEL, "pilot").value == pytest.approx(means[1])


def test_no_difference_between_equal_arms(home, commit):
    commit(accuracy=lambda trial: 0.7)
    made = evidence.estimate(GAIN, "pilot")
    assert (made.value, made.low, made.high) == (0, 0, 0)
    assert decide(GAIN, made).word == "contradicted"


def test_what_was_replaced_is_listed(home, commit):
    commit()
    assert evidence.estimate(GAIN, "pilot").substitutes == (
        "width: 0.125 in place of 1.0",
        "sampling rate: 125.0 in place of 250",
        "frame: 4096 in place of 16384",
        "budget: pilot in place of weimann_conrad_2021",
        "pretraining corpus: mitbih_arrhythmia + svdb in place of icentia11k",
        "pretraining frame: 1024 in place of 2048",
    )


def test_a_pretraining_corpus_is_told_as_its_data_set(home, monkeypatch):
    monkeypatch.setitem(resnet1d.SCALES, "pilot", RHYTHM)
    fabricated.commit(folder(home), fabricated.trials(RHYTHM), fabricated.gain)
    runs = designs.fine_tuning(designs.results("resnet1d", "pilot"), "rhythm", 1.0)
    assert dict(runs[0]["trial"]["corpora"]).keys() == {"cinc2017"}
    told = evidence.supplied("resnet1d", "rhythm", "pilot", runs)
    assert (told["pretraining_corpus"], told["corpora"]) == ("mitbih_arrhythmia", ["cinc2017"])


def test_a_level_with_replaced_parts_gets_no_verdict(home, commit):
    commit()
    made = evidence.estimate(LEVEL, "pilot")
    assert decide(LEVEL, made).word == "not run"
    assert not [part for part in made.substitutes if part.startswith(("pretraining", "initialisation"))]


def test_a_pretrained_arm_without_its_pretrainings_result_is_no_evidence(home, commit):
    commit(keep=lambda trial: trial.stage == "fine-tuning")
    assert evidence.estimate(GAIN, "pilot") is None
    assert evidence.estimate(LEVEL, "pilot") is not None


@pytest.mark.parametrize(("capped", "word"), [(1, "supported"), (2, "inconclusive")])
def test_runs_that_hit_the_cap_are_counted_and_more_than_a_tenth_decide_nothing(home, commit, capped, word):
    def hit(trial):
        return trial.arm == "random" and trial.seed < capped and trial.recipe.labels == 1

    tuned = lambda trial: trial.stage == "fine-tuning" and hit(trial)  # noqa: E731
    commit(keep=lambda trial: not tuned(trial))
    commit(keep=tuned, hit_epoch_cap=True)
    made = evidence.estimate(GAIN, "pilot")
    assert decide(GAIN, made).word == word
    assert bool(made.undecidable) == (word == "inconclusive")
    if word == "inconclusive":
        assert "2 of 10" in made.undecidable


@pytest.mark.parametrize(
    "lacking",
    [
        lambda trial: trial.arm == "random" and trial.seed == 4,
        lambda trial: trial.seed == 4,
        lambda trial: trial.arm == "random",
        lambda trial: trial.recipe.labels == 1,
    ],
    ids=["one run", "one seed", "one arm", "the share of labels"],
)
def test_an_incomplete_design_gives_no_estimate(home, commit, lacking):
    commit(keep=lambda trial: trial.stage == "pretraining" or not lacking(trial))
    assert evidence.estimate(GAIN, "pilot") is None


def test_an_arm_that_is_complete_is_estimated_though_another_is_not(home, commit):
    commit(keep=lambda trial: trial.arm == "random")
    assert evidence.estimate(LEVEL, "pilot") is not None
    assert evidence.estimate(GAIN, "pilot") is None


@pytest.mark.parametrize("overrides", [{"width": 0.25}, {"epochs": 7}, {"seeds": [11, 12]}, {"labels": 0.5}])
def test_runs_with_settings_of_ones_own_change_nothing(home, commit, overrides):
    commit()
    before = evidence.estimate(GAIN, "pilot")
    commit(settings=configure(resnet1d.SCALES, "pilot", **overrides), accuracy=lambda trial: 0.1)
    designs.forget()
    after = evidence.estimate(GAIN, "pilot")
    assert (after.value, after.low, after.high) == (before.value, before.low, before.high)


def test_the_same_design_on_recordings_ingested_twice_is_not_mixed(home, commit):
    commit()
    again = [
        replace(trial, corpora=(("cinc2017", "other"),))
        for trial in fabricated.trials(PILOT)
        if not trial.parent
    ]
    fabricated.commit(folder(home), [t for t in again if t.stage == "fine-tuning"], fabricated.gain)
    assert evidence.estimate(LEVEL, "pilot") is None


def test_a_demo_is_never_evidence(home, commit):
    commit("demo")
    assert evidence.estimates() == {}


def test_the_widest_scale_is_taken(home, commit):
    commit()
    commit("colab", accuracy=lambda trial: 0.9)
    assert evidence.estimates()[LEVEL.id].scale == "colab"
    assert evidence.estimates()[GAIN.id].n_seeds == 3


def test_counts_are_read_from_the_committed_table(home):
    path = home / "results" / "pilot" / "data" / "counts.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cinc2017": {"v3": {"N": 5076, "A": 758, "O": 2415, "~": 279}}}))
    made = evidence.estimates()
    assert decide(COUNTS, made[COUNTS.id]).word == "supported"
    path.write_text(json.dumps({"cinc2017": {"v3": {"N": 5075, "A": 758, "O": 2415, "~": 280}}}))
    assert decide(COUNTS, evidence.estimates()[COUNTS.id]).word == "contradicted"


def test_a_rule_changed_after_the_run_is_told(home, commit):
    stored = rule_hashes("resnet1d")
    commit(rules=stored | {GAIN.id: "another rule"})
    assert evidence.stored_rules()[GAIN.id] == "another rule"
    rows = {row["id"]: row for row in evidence.ledger_rows()}
    assert "rule changed after run" in rows[GAIN.id]["reason"]
    assert not rows[LEVEL.id]["rule_changed"]


def test_the_rules_are_those_of_the_first_run(home, commit):
    first = fabricated.trials(PILOT)[0].key
    commit(keep=lambda trial: trial.key == first, rules={"a": "first"}, finished="2025-01-01T00:00:00Z")
    commit(keep=lambda trial: trial.key != first, rules={"a": "later"})
    assert evidence.stored_rules() == {"a": "first"}


def test_rows_of_one_study_are_those_among_all(home, commit):
    commit()
    every = evidence.ledger_rows()
    for study in ("resnet1d", "pretrain_size"):
        rows = evidence.ledger_rows(study)
        assert rows
        assert rows == [row for row in every if row["study"] == study]


def test_rows_are_json(home, commit):
    commit()
    assert json.loads(json.dumps(evidence.ledger_rows()))


RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("study", designs.STUDIES)
def test_committed_results_are_those_that_their_scale_lists(study):
    for folder in RESULTS.glob(f"*/{study}"):
        found = read_results(folder)
        for result in found:
            canonical = json.dumps(result["trial"], sort_keys=True, separators=(",", ":"))
            assert hashlib.sha256(canonical.encode()).hexdigest()[:16] == result["key"]
        scale = designs.STUDIES[study].SCALES[folder.parent.name]
        assert [r["key"] for r in declared(study, scale, found)] == [r["key"] for r in found]


def test_an_arm_of_another_study_is_found_at_the_same_scale(home, commit):
    assert designs.find_arm("pretrain_size", "pilot", "random") == ("resnet1d", "random")
    assert designs.find_arm("resnet1d", "pilot", "no_such_arm") is None


def test_of_arms_that_stand_for_one_the_wanted_budget_is_taken():
    for budget, name in (("class_report_2024", "report_random"), ("team_134", "team_134_random"),
                         ("weimann_conrad_2021", "random"), (None, "random")):  # fmt: skip
        assert designs.find_arm("resnet1d", "paper", "random", budget) == ("resnet1d", name)


def test_every_level_claim_of_the_studies_has_an_arm_that_meets_it_in_full_at_paper_scale():
    for claim in ledger.load():
        # without a command: nets that this project does not have
        if claim.study in designs.STUDIES and claim.rule == "value" and claim.command != "":
            arm = claim.comparison["arm"]
            place = designs.find_arm(claim.study, "paper", arm, claim.requires.get("budget"))
            assert place is not None, claim.id
            listed = designs.STUDIES[place[0]].SCALES["paper"].arms[place[1]]
            assert listed.budget == claim.requires.get("budget", ""), claim.id


def test_gains_cover_every_share_of_labels_and_agree_with_the_ledger(home, commit):
    commit()
    full, tenth = evidence.gains()
    assert (full["labels"], tenth["labels"]) == (1.0, 0.1)
    made = evidence.estimate(GAIN, "pilot")
    assert (full["estimate"], full["low"], full["high"]) == (made.value, made.low, made.high)
    assert (tenth["n_seeds"], tenth["n_records"]) == (5, 5 * fabricated.RECORDS)


def test_no_gain_is_told_of_a_design_with_a_run_missing(home, commit):
    commit(keep=lambda trial: trial.seed != 4 or trial.arm == "random")
    assert evidence.gains() == []
