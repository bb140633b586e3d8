"""What artefacts do, and the benchmark beside ours, computed again with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.claims import ledger
from ecgrepro.errors import InputError
from ecgrepro.studies import artefact_tables as tables
from ecgrepro.studies import ptbxl_transfer as study
from ecgrepro.studies.diagnosis_words import CALLED
from ecgrepro.studies.printed_transfer import legend_table
from tests.studies import fabricated_diagnoses as made

COUNTED = [0, 2, 3, 4]
FEW = {"n_resamples": 100}


@pytest.fixture(scope="module")
def found():
    return made.results(made.trials("random", "reshaped", "permuted", "centre_crop", seeds=(0, 1, 2)))


def macro(result, chosen=COUNTED):
    test = result["predictions"].query("part == 'test'")
    truth, scores = (test.filter(regex=f"^{name}_").to_numpy() for name in ("label", "logit"))
    return roc_auc_score(truth, scores, average=None)[chosen].mean()


def mean(found, arm):
    return np.mean([macro(result) for result in found if result["trial"]["arm"] == arm])


def test_every_fault_and_choice_of_the_pilot_has_a_row_and_a_name():
    named = {arm for arm, *_ in tables.ARTEFACTS}
    assert set(study.FAULTS) | {"centre_crop", "mean_of_windows", "rate_500hz"} == named
    against = {arm for _, arm, _ in tables.ARTEFACTS if arm}
    assert named | against <= set(study.SCALES["pilot"].arms)
    assert named | against <= set(CALLED)


def test_differences_are_those_of_scikit_learn(found):
    table = tables.artefact_table(found, **FEW).set_index("arm")
    assert list(table.index) == ["reshaped", "permuted", "centre_crop"]
    for arm in ("reshaped", "centre_crop"):
        row = table.loc[arm]
        assert row["with"] == pytest.approx(mean(found, arm))
        assert row.without == pytest.approx(mean(found, "random"))
        assert row.difference == pytest.approx(row["with"] - row.without)
        assert row.paired
    assert table.high["reshaped"] < 0


def test_permuted_labels_are_held_against_chance(found):
    row = tables.artefact_table(found, **FEW).set_index("arm").loc["permuted"]
    assert row.without == 0.5
    assert row.difference == pytest.approx(mean(found, "permuted") - 0.5)
    assert row.low < 0 < row.high
    assert not row.paired
    assert row.against == "chance"


def test_a_swapped_legend_turns_the_printed_gain_around_and_claims_no_run(found):
    table = tables.artefact_table(found, **FEW)
    brief = tables.brief_artefacts(table, legend_table())
    last = brief.iloc[-1]
    assert len(brief) == len(table) + 1
    assert last["with"] == -last.without < 0
    assert last.difference == f"−{2 * last.without:.2f}"
    assert pd.isna(last.seeds)
    assert brief.seeds[0] == 3


def test_nothing_has_run():
    table = tables.artefact_table([])
    assert table.empty
    assert tables.brief_artefacts(table).empty
    benchmark = tables.benchmark_table([])
    assert len(benchmark) == 12
    assert not benchmark.seeds.any()
    assert set(tables.brief_benchmark(benchmark).ours) == {"no run"}


def test_the_benchmark_stands_beside_ours():
    found = made.results(made.trials("benchmark_form", scale="paper", seeds=(0, 1)))
    row = tables.benchmark_table(found, **FEW).query("task == 'form' and net == 'xresnet1d101'").iloc[0]
    claim = next(claim for claim in ledger.load() if claim.id == "ST-form-xresnet1d101")
    ours = np.mean([macro(result, slice(None)) for result in found])
    assert row.published == claim.published
    assert f"{row.bracket:.3f}" in f"0{claim.note}".replace("Bracket: ", "")
    assert row.ours == pytest.approx(ours)
    assert row.difference == pytest.approx(ours - claim.published)
    assert 0 < row["our bracket"] < 0.1
    assert row.seeds == 2


def test_aucs_are_printed_as_the_benchmark_prints_them():
    assert tables.as_printed([0.925, 0.899, np.nan], [0.007, 0.022, np.nan]) == [".925(07)", ".899(22)", ""]


def test_a_claim_without_a_bracket_is_refused():
    claim = next(claim for claim in ledger.load() if claim.id == "SL-pt")
    with pytest.raises(InputError, match="Bracket"):
        tables.published_bracket(claim)
