"""The register is complete and sound, its numbers follow from the printed ones, and the loader is strict."""

import copy
import random
from itertools import combinations
from math import sqrt

import pytest
import yaml
from scipy.stats import spearmanr

from ecgrepro.claims import discrepancies, ledger
from ecgrepro.errors import InputError

ENTRIES = {entry.id: entry for entry in discrepancies.load()}
SWITCHES = {switch.name: switch for switch in discrepancies.switches()}
CLAIMS = {claim.id: claim for claim in ledger.load()}

#: Huerta et al. 2022, Table 2, from no to seven frozen layers, and the segments of its section 2.3.
SENSITIVITY = (0.881, 0.883, 0.885, 0.878, 0.877, 0.884, 0.882, 0.887)
SPECIFICITY = (0.838, 0.841, 0.834, 0.850, 0.849, 0.837, 0.845, 0.837)
ACCURACY = (0.875, 0.873, 0.878, 0.878, 0.876, 0.883, 0.881, 0.885)
HIGH, LOW = 47_439, 1_168


def words(name):
    """All texts of an entry as one."""
    entry = ENTRIES[name]
    return " ".join([*(reading.says for reading in entry.readings), entry.effect, entry.resolution])


def decimal(value, digits=3):
    """A share as the register prints it, without the zero before the point."""
    return f"{value:.{digits}f}".removeprefix("0")


def test_every_collected_contradiction_has_an_entry():
    assert sorted(ENTRIES) == sorted([*(f"X-{number:02}" for number in range(1, 33)), "X-09b"])


def test_every_entry_has_readings_with_their_sources():
    for entry in ENTRIES.values():
        places = {(reading.document, reading.place) for reading in entry.readings}
        assert len(places) == len(entry.readings) >= 2, entry.id
        assert all(reading.title for reading in entry.readings)


def test_texts_are_whole_sentences():
    for entry in ENTRIES.values():
        texts = [*(reading.says for reading in entry.readings), entry.effect, entry.resolution]
        assert [text for text in texts if not text.endswith(".")] == [], entry.id
        assert not entry.title.endswith(".")
    for switch in SWITCHES.values():
        assert switch.question.endswith("?")
        assert switch.published.endswith(".")
        assert switch.default.endswith(".")


def test_every_study_has_an_entry():
    assert {study for entry in ENTRIES.values() for study in entry.studies} == set(discrepancies.STUDIES)


def test_switches_are_those_that_run():
    from ecgrepro.studies.switches import SWITCHES as runnable

    assert set(SWITCHES) == set(runnable)


def test_a_switch_is_turned_by_one_reading_and_belongs_to_its_entry():
    turned = {name: entry.id for entry in ENTRIES.values() for name, values in entry.switch if True in values}
    assert turned == {name: switch.discrepancy for name, switch in SWITCHES.items() if switch.discrepancy}


def test_what_decides_an_entry_needs_no_run():
    decided = [CLAIMS[name].rule for entry in ENTRIES.values() for name in entry.arithmetic]
    assert set(decided) == {"arithmetic", "count"}


# ---- numbers that follow from printed ones ----


def test_gains_of_the_abstract_are_those_of_another_arm():
    random_arm, one, ten, whole = 0.702, 0.754, 0.765, 0.773  # class report, Table 2
    for gain in (ten - random_arm, whole - ten, one - random_arm, whole - one):
        assert decimal(gain) in words("X-01")


def test_relative_gains_follow_from_the_papers_table():
    reference = CLAIMS["WC-T1-none-macro"].published
    for frame in (2048, 4096):
        gain = CLAIMS[f"WC-T1-beat{frame}-macro"].published / reference - 1
        assert f"{100 * gain:.2f} %" in words("X-02")


def test_lengths_in_seconds_follow_from_samples():
    assert f"{16_384 / 250:.3f} s" in words("X-03")
    assert f"{round(60.95 * 250):,} samples" in words("X-03")
    assert f"{16_384 - 15_000:,} zeros more" in words("X-03")


def test_parameters_of_the_first_layers_follow_from_their_kernels():
    assert f"{7 * 64} parameters" in words("X-05")
    assert f"{2 * 7 * 64 * 64 + 2 * 4 * 64:,} parameters" in words("X-06")


def test_frequencies_follow_from_the_window():
    assert f"{250 / 256:.3f} Hz".removeprefix("0") in words("X-09")
    assert f"{32 * 250 / 256} Hz" in words("X-09")
    assert (4096 // 64) * 32 * 8 == (4096 // 32) * 128


def test_accuracies_follow_from_sensitivity_and_specificity():
    share = HIGH / (HIGH + LOW)
    implied = [share * se + (1 - share) * sp for se, sp in zip(SENSITIVITY, SPECIFICITY, strict=True)]
    wrong = [i for i in range(8) if abs(implied[i] - ACCURACY[i]) > 0.0015]
    assert wrong == [0, 1, 2]
    for i in wrong:
        assert decimal(implied[i]) in words("X-10")
        assert decimal(ACCURACY[i]) in words("X-10")
    for column in (ACCURACY, implied):
        assert decimal(spearmanr(range(8), column).statistic, 2) in words("X-10")


def test_smallest_mcnemar_statistics_follow_from_the_accuracies():
    def pairs(room):
        """Pairs whose smallest statistic is above 1.96, with every difference smaller by `room`."""
        n = HIGH + LOW
        return sum(
            max(abs(a - b) - room, 0) * sqrt(n / (2 - a - b)) > 1.96 for a, b in combinations(ACCURACY, 2)
        )

    assert f"{pairs(0)} of 28 pairs" in words("X-11")
    assert f"{pairs(0.001)} if every rounding" in words("X-11")


def test_folds_follow_from_the_seed():
    draw = random.Random(37)
    train = draw.sample(range(1, 11), 8)
    validation = draw.sample([fold for fold in range(1, 11) if fold not in train], 1)
    (test,) = set(range(1, 11)) - {*train, *validation}
    *first, last = sorted(train)
    told = f"{', '.join(map(str, first))} and {last} train, {validation[0]} validates and {test} tests"
    assert told in words("X-18")


def test_folds_left_for_testing_follow_from_the_share():
    names = {1: "one", 3: "three", 5: "five", 7: "seven"}
    left = [names[10 - int(share * 8) - 1] for share in (0.25, 0.5, 0.75, 1)]
    assert f"{', '.join(left[:3])} and {left[3]} of ten" in words("X-16")


def test_frames_follow_from_patients():
    assert f"{11_000 * 4096:,}" in words("X-19")
    assert f"{9681 * 4096 / 1e6:.1f} million frames and {9681 / 110:.1f} %" in words("X-19")
    assert f"{9068 * 4096 / 1e6:.1f} million and {9068 / 110:.1f} %" in words("X-19")


def test_bars_and_means_are_those_of_the_ledger():
    bars = CLAIMS["SL-E2-claim"].note
    assert ".832, .844, .844 and .840" in words("X-16")
    assert ".832, .844, .844 and .840" in " ".join(bars.split())
    by_legend = CLAIMS["SL-cls-legend"].inputs
    told = f"{decimal(by_legend['reference']['value'])} and {decimal(by_legend['treated']['value'])}"
    assert f"{told} as digitised" in words("X-17")


def test_gains_of_slides_and_figures_follow_from_their_scores():
    slides, file = CLAIMS["SL-ind-XResNet"].published, CLAIMS["SL-E1-90-independent"].published
    tuned, drawn = CLAIMS["SL-ft"].published, CLAIMS["SL-ft-figure"].inputs["program"]["value"]
    assert f"{decimal(tuned)} after fine-tuning and {decimal(slides)} without" in words("X-32")
    assert f"drawn with {decimal(drawn, 4)} after fine-tuning" in words("X-32")
    assert f"{decimal(file, 4)} without" in words("X-32")
    gains = [decimal(gain) for gain in (tuned - slides, drawn - slides, drawn - file)]
    assert "{} by the slides, {} by the constants of that figure, and {} from".format(*gains) in words("X-32")
    assert min(tuned / slides, drawn / slides, drawn / file) > 1.08


def test_claims_of_the_project_and_of_calibration_are_those_of_the_ledger():
    collected = {name for claim in CLAIMS.values() for name in claim.derived_from} | set(ledger.excluded())
    for entry in ENTRIES.values():
        if {"ptbxl_transfer", "calibration"} & set(entry.studies):
            assert set(entry.claims) <= set(CLAIMS) | collected, entry.id
            assert set(entry.claims) & set(CLAIMS), entry.id


def test_frequencies_of_the_middle_crop_follow_from_its_place():
    assert f"{(5000 - 1250) // 2 * 500 / 5000} Hz" in words("X-15")
    assert len(range(0, 5000 - 1250 + 1, 625)) == 7


def test_label_counts_are_those_of_the_ledger():
    for counts in (CLAIMS["T1F-counts"].published, CLAIMS["DA-17v-v3"].published):
        assert all(f"{count:,}" in words("X-24") for count in counts.values())
    assert f"{CLAIMS['DA-17v-changed'].published['v2_v3']} recordings" in words("X-24")


def test_steps_follow_from_the_batch():
    steps = [-(-6395 // batch) for batch in (64, 32, 128)]
    assert "6,395 recordings are {}, {} or {} steps".format(*steps) in words("X-28")
    assert "{:,}, {:,} or {:,} steps".format(*(50 * n for n in steps)) in words("X-28")


def test_frames_of_a_pass_follow_from_those_of_each_patient():
    patients = 11_000 * 95 // 100
    assert f"{patients * 4096 / 1e6:.1f} million frames" in words("X-29")
    assert f"{patients:,} patients with 1,000 frames of each would be {patients / 1000} million" in words(
        "X-29"
    )
    assert patients * 4096 > 10_000 * 100 * 32
    assert f"{100 * 32:,} frames" in words("X-29")


def test_frames_of_a_fifth_of_the_patients_are_many_times_those_listed():
    listed, patients = 10 * 100 * 32, 11_000 // 5
    assert f"{listed:,} frames" in words("X-30")
    assert f"{patients:,} people, who give {patients / 1000} million" in words("X-30")
    assert f"{patients * 4096 / 1e6:.1f} million with 4,096" in words("X-30")
    assert f"{patients * 1000 / listed:.0f} times fewer" in words("X-30")
    assert f"{listed // 1000} people" in words("X-30")
    gain = CLAIMS["T134-beat"].published - CLAIMS["T134-random"].published
    assert f"gain of {decimal(gain)}" in words("X-30")


def test_a_quarter_of_the_training_records_would_be_fewer_predictions():
    train = 8528 - 1706 - 427
    assert f"{train:,} training records" in words("X-31")
    assert f"a quarter would be {train // 4:,}" in words("X-31")


def test_what_is_followed_is_what_is_run():
    from ecgrepro.studies.resnet1d import PUBLISHED, REPORT, SCALES, TEAM_134, TEAM_134_PRETRAINING, WEIMANN

    pilot = SCALES["pilot"]
    assert (WEIMANN.batch_size, TEAM_134.batch_size, pilot.fine_tuning.batch_size) == (64, 64, 64)
    assert REPORT.batch_size == 128
    assert PUBLISHED.frames_per_patient == pilot.pretrainings["beat_2048"].recipe.frames_per_patient == 4096
    listed = TEAM_134_PRETRAINING
    assert (listed.patients, listed.frames_per_patient, listed.batch_size) == (32, 1000, 32)
    assert all(arm.labels in ((), (1.0,)) for arm in SCALES["paper"].arms.values())


# ---- the loader ----


@pytest.fixture
def content():
    """A register of one entry and two switches, as plain mappings to be spoiled."""
    switch = {"question": "How?", "switched": "so", "usual": "otherwise", "published": "Otherwise.",
              "default": "Otherwise."}  # fmt: skip
    readings = [
        {"document": name, "place": "here", "says": "It is so."} for name in ("weimann2021", "program")
    ]
    entry = {"id": "X-01", "studies": ["resnet1d", "data"], "title": "A title", "readings": readings,
             "effect": "It matters.", "claims": ["WC-ABS-657"], "resolution": "The program.",
             "switch": {"select_loss": [True, None]}, "arithmetic": ["WC-ABS-657"]}  # fmt: skip
    return copy.deepcopy(
        {
            "documents": {"program": "A program"},
            "switches": {
                "select_loss": {**switch, "discrepancy": "X-01"},
                "ties_last": {**switch, "discrepancy": None},
            },
            "discrepancies": [entry],
        }
    )


@pytest.fixture
def write_register(tmp_path):
    """Return a function that writes mappings, or raw text, as a register and gives its path."""

    def write(content):
        path = tmp_path / "register.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


def test_entry_is_loaded_with_the_titles_of_its_documents(content, write_register):
    (entry,) = discrepancies.load(write_register(content))
    assert [reading.title for reading in entry.readings] == [
        ledger.read()["documents"]["weimann2021"],
        "A program",
    ]
    assert entry.studies == ("resnet1d", "data")
    assert entry.switch == (("select_loss", (True, None)),)
    assert entry.arithmetic == ("WC-ABS-657",)


def test_switch_is_loaded_with_its_entry_or_none(content, write_register):
    found = discrepancies.switches(write_register(content))
    assert [(switch.name, switch.discrepancy) for switch in found] == [
        ("select_loss", "X-01"),
        ("ties_last", None),
    ]


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("title",), "", "title.*a text"),
        (("id",), "Y-1", "an id such as X-01"),
        (("studies",), ["resnet1d", "resnet2d"], "studies.*resnet2d"),
        (("studies",), ["data", "data"], "each once"),
        (("studies",), [], "a list of names"),
        (("readings", 1, "document"), "nobody", "a document.*nobody"),
        (("readings", 1, "says"), None, "says.*a text"),
        (("readings", 1, "quote"), "word", "quote"),
        (("claims",), "WC-ABS-657", "a list of ids"),
        (("claims",), ["a claim"], "ids such as"),
        (("arithmetic",), ["WC-T1-none-macro"], "WC-T1-none-macro"),
        (("switch",), {}, "names of switches"),
        (("switch",), {"no_such": [True, None]}, "no_such"),
        (("switch", "select_loss"), [True], "for each reading"),
        (("switch", "select_loss"), [None, False], "at least one on"),
        (("switch", "ties_last"), [True, False], "name each other.*ties_last"),
        (("more",), 1, "only the keys"),
    ],
)
def test_unsound_entry_is_refused_by_name(content, write_register, keys, value, message):
    place = content["discrepancies"][0]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(InputError, match=message):
        discrepancies.load(write_register(content))


def drop_a_reading(content):
    del content["discrepancies"][0]["readings"][0]


def drop_the_resolution(content):
    del content["discrepancies"][0]["resolution"]


def repeat_the_entry(content):
    content["discrepancies"].append(content["discrepancies"][0])


def name_no_entry(content):
    content["switches"]["select_loss"]["discrepancy"] = None


def take_a_document_of_the_ledger(content):
    content["documents"]["weimann2021"] = "Another"


def drop_a_value_of_a_switch(content):
    del content["switches"]["ties_last"]["usual"]


def add_a_section(content):
    content["more"] = []


def empty_the_entries(content):
    content["discrepancies"] = None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_a_reading, "two readings or more"),
        (drop_the_resolution, "resolution"),
        (repeat_the_entry, "every id once.*X-01"),
        (name_no_entry, "name each other.*select_loss"),
        (take_a_document_of_the_ledger, "none that the ledger has.*weimann2021"),
        (drop_a_value_of_a_switch, "ties_last.*usual"),
        (add_a_section, "only the keys.*more"),
        (empty_the_entries, "a list"),
    ],
)
def test_unsound_register_is_refused(content, write_register, spoil, message):
    spoil(content)
    with pytest.raises(InputError, match=message):
        discrepancies.load(write_register(content))


def test_key_given_twice_is_refused_with_file_and_line(write_register):
    with pytest.raises(InputError, match=r"register\.yaml.*\['switches'\] twice.*line 1"):
        discrepancies.load(write_register("switches: {}\ndiscrepancies: []\nswitches: {}\n"))


def test_text_that_is_no_yaml_is_refused(write_register):
    with pytest.raises(InputError, match="a YAML file"):
        discrepancies.load(write_register("switches: [unclosed"))
