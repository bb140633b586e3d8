import pytest

from ecgrepro.studies.figures_ledger import counts_by_study, draw_counts, draw_forest, gains, verdict_word
from tests.studies.ledger_rows import GAIN, LEVEL, SUBSTITUTE, estimate, measured_rows, rows


@pytest.mark.parametrize("draw", [draw_counts, draw_forest])
def test_the_same_rows_give_the_same_bytes(tmp_path, draw):
    told = [draw(measured_rows(), tmp_path / name) for name in ("a.svg", "b.svg")]
    assert told[0] == told[1] != ""
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_counts_cover_every_claim_once():
    counts = counts_by_study(measured_rows())
    assert sum(counts["all"].values()) == len(rows())
    studies = {row["study"] for row in rows()}
    assert sum(sum(counts[study].values()) for study in studies) == len(rows())


def test_the_text_of_the_counts_names_the_numbers(tmp_path):
    told = draw_counts(measured_rows(), tmp_path / "a.svg")
    assert f"{counts_by_study(measured_rows())['data']['not run']} not run" in told


def test_only_measured_differences_are_drawn_as_gains():
    found = rows({GAIN: estimate(0.03, substitutes=SUBSTITUTE), LEVEL: estimate(0.73)})
    assert [row["id"] for row in gains(found)] == [GAIN]


def test_marks_behind_a_verdict_do_not_change_its_word():
    assert verdict_word(measured_rows()[0] | {"verdict": "not run (substitute)"}) == "not run"
    with pytest.raises(StopIteration):
        verdict_word(measured_rows()[0] | {"verdict": "plausible"})
