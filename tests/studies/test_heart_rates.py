"""Heart rates: annotated beats where there are any, detected ones else, and how far the two agree."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.studies import heart_rates as module
from ecgrepro.studies.heart_rates import (
    detector_errors,
    draw_heart_rates,
    error_note,
    heart_rates,
    rate,
    rate_counts,
    rate_summary,
)

FS = 100


@pytest.fixture
def beating(make_record):
    """A function from an id, a rate and the number of leads to a Record of regular beats."""

    def make(record_id, bpm, seconds=60, n_leads=1, annotate=None):
        beats = np.arange(FS // 2, seconds * FS - FS // 2, round(60 * FS / bpm))
        signal = np.exp(-(((np.arange(seconds * FS)[:, None] - beats) / 1.5) ** 2)).sum(axis=1)
        # a slow wave below the beats: a signal that is mostly 0 is no recording to an ingest
        signal = 1000 * signal + 100 * np.sin(np.arange(seconds * FS) / 40)
        signal = np.rint(signal).astype(np.int16)[:, None] * np.ones(n_leads, np.int16)
        annotated = (
            np.arange(50, seconds * FS, round(60 * FS / annotate)) if annotate else np.empty(0, np.int64)
        )
        return make_record(record_id, signal=signal, fs=float(FS), beat_positions=annotated,
                           beat_classes=np.ones(len(annotated), np.int8))  # fmt: skip

    return make


@pytest.fixture
def sets(make_corpus, beating):
    annotated = [
        beating("a", 60, n_leads=2, annotate=60),
        beating("b", 60, n_leads=2, annotate=120),
        beating("c", 60),
    ]
    detected = [beating("d", 60), beating("e", 100), beating("f", 75, seconds=2)]
    return {"annotated set": make_corpus(annotated, "a"), "detected set": make_corpus(detected, "d")}


def test_annotated_beats_count_where_the_corpus_has_them(sets):
    rates = heart_rates(sets).set_index("record_id")
    assert rates.source.to_dict() == dict.fromkeys("abc", "annotated") | dict.fromkeys("def", "detected")
    assert rates.bpm.to_dict() == pytest.approx(
        {"a": 60, "b": 120, "c": np.nan, "d": 60, "e": 100, "f": np.nan}, nan_ok=True
    )


def test_the_rate_is_that_of_the_median_interval():
    beats = np.array([0, 100, 200, 300, 450, 500])
    assert rate([beats], FS) == 60
    assert rate([beats + 10_000, beats[:4]], FS) == 60, "no interval from one stretch to the next"


@pytest.mark.parametrize("beats", [[], [5], [5, 10], [5, 5, 5, 5]])
def test_too_few_beats_make_no_rate(beats):
    assert np.isnan(rate([np.array(beats, np.int64)], FS))


def test_long_recordings_are_read_in_stretches(sets, monkeypatch):
    whole = heart_rates({"d": sets["detected set"]})
    monkeypatch.setattr(module, "STRETCH", 7)
    lengths, detect = [], module.detect_qrs
    monkeypatch.setattr(
        module, "detect_qrs", lambda values, fs: lengths.append(len(values)) or detect(values, fs)
    )
    pd.testing.assert_frame_equal(heart_rates({"d": sets["detected set"]}), whole)
    assert max(lengths) == 7 * FS


def test_recordings_are_counted_by_bins_of_five(sets):
    rates = pd.DataFrame({"corpus": ["x"] * 6 + ["b"], "record_id": list("abcdefg"), "source": "detected",
                          "bpm": [62.0, 64.9, 65.0, 3.0, 400.0, np.nan, 70.0]})  # fmt: skip
    counts = rate_counts(rates)
    assert list(counts.corpus) == ["x"] * 5 + ["b"], "in the order of the corpora, which is no alphabet's"
    assert dict(zip(counts.bpm[:4], counts.recordings[:4], strict=True)) == {20: 1, 60: 2, 65: 1, 200: 1}
    assert np.isnan(counts.bpm[4])
    assert counts.recordings.sum() == len(rates)


def test_the_summary_counts_recordings_without_a_rate(sets):
    summary = rate_summary(heart_rates(sets)).set_index("corpus")
    assert summary.loc["annotated set"].to_dict() == {
        "source": "annotated", "recordings": 3, "without a rate": 1, "5 % below": 63.0, "median": 90.0,
        "5 % above": 117.0,
    }  # fmt: skip


def test_errors_are_measured_on_corpora_with_beats_and_tell_wrong_rates(sets):
    errors = detector_errors(sets, lengths=(None, 10), stretches=3)
    assert set(errors.corpus) == {"annotated set"}
    found = errors.set_index(["leads", "seconds"])
    assert found.compared.to_dict() == {
        ("all", "whole"): 2,
        ("first", "whole"): 2,
        ("all", "10"): 6,
        ("first", "10"): 6,
    }
    assert (found["within 5 %"] == 0.5).all(), "of the two recordings one is annotated at twice its rate"
    assert (found["median error"] == 30).all()


def test_stretches_longer_than_a_recording_are_not_compared(sets):
    assert len(detector_errors(sets, lengths=(61,))) == 0


def test_a_missing_rate_is_an_error(sets, monkeypatch):
    monkeypatch.setattr(module, "detect_qrs", lambda values, fs: np.empty(0, np.int64))
    errors = detector_errors(sets, lengths=(None,))
    assert list(errors["within 5 %"]) == [0, 0]
    assert errors["median error"].isna().all()


def test_wrong_rates_have_a_median_error(sets, monkeypatch):
    monkeypatch.setattr(module, "detect_qrs", lambda values, fs: np.arange(0, len(values), 2 * FS))
    errors = detector_errors(sets, lengths=(None,))
    assert list(errors["within 5 %"]) == [0, 0]
    assert list(errors["median error"]) == [60, 60], "30 for 60 and for 120 per minute"


def test_the_note_tells_shares_in_one_lead(sets):
    note = error_note(detector_errors(sets, lengths=(None, 10), stretches=3))
    assert "annotated set: 50.0% of 2 whole recordings, 50.0% of 6 stretches of 10 s" in note


def test_the_figure_has_a_row_per_corpus_and_the_error_beside_it(sets):
    counts = rate_counts(heart_rates(sets))
    made = draw_heart_rates(counts, detector_errors(sets, lengths=(None,)), synthetic=True)
    plt.close("all")
    texts = [ax.texts[0].get_text() for ax in made.axes]
    assert texts == ["annotated set: 3 recordings, annotated\n1 without a rate",
                     "detected set: 3 recordings, detected\n1 without a rate"]  # fmt: skip
    assert "within 5 %" in made.axes[-1].texts[1].get_text()
    assert made.axes[1].patches[0].get_data().values.sum() == pytest.approx(2 / 3)


def test_the_figure_is_drawn_without_errors_too(sets):
    made = draw_heart_rates(rate_counts(heart_rates(sets)), detector_errors({}))
    plt.close("all")
    assert [len(ax.texts) for ax in made.axes] == [1, 1]
