"""Signals that cannot be used are refused with their reason, usable ones are not."""

import numpy as np
import pytest

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.quality import check_record
from ecgrepro.errors import InputError


def noise(n=1000, scale=500):
    return np.clip(np.random.default_rng(0).normal(0, scale, (n, 1)), -32768, 32767).astype(np.int16)


def clipped(share):
    signal = noise()
    signal[: round(share * len(signal))] = signal.max()
    return signal


def railed(share):
    signal = noise()
    signal[: round(share * len(signal) / 2)] = 32767
    signal[-round(share * len(signal) / 2) :] = -32768
    return signal


@pytest.mark.parametrize(
    "signal",
    [noise(), noise(scale=3), clipped(0.45), railed(0.04), noise(10)],
    ids=["noise", "few levels", "somewhat clipped", "somewhat saturated", "short"],
)
def test_usable_signals_pass(make_record, signal):
    record = make_record("good", signal=signal)
    assert check_record(record) is record


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (np.full((1000, 1), 7, np.int16), "flat"),
        (np.zeros((1, 1), np.int16), "flat"),
        (clipped(0.6), "saturated"),
        (railed(0.08), "saturated"),
        (np.empty((0, 1), np.int16), "empty or damaged"),
        (np.empty((5, 0), np.int16), "empty or damaged"),
        (noise().astype(np.float64), "float64"),
        (np.full((9, 1), np.nan), "9 samples NaN or infinite"),
        (noise()[:, 0], r"\(1000,\)"),
        (np.hstack([noise(), np.zeros((1000, 1), np.int16)]), "lead lead 1.*flat"),
    ],
    ids=["flat", "one sample", "clipped", "on the rails", "empty", "no lead", "floats", "NaN", "no lead axis",
         "second lead flat"],
)  # fmt: skip
def test_unusable_signals_are_refused_with_their_reason(make_record, signal, reason):
    n_leads = signal.shape[1] if signal.ndim == 2 else 1
    fields = {
        "gain": np.ones(n_leads),
        "baseline": np.zeros(n_leads),
        "leads": tuple(f"lead {i}" for i in range(n_leads)),
    }
    record = make_record(
        "bad", signal=signal.reshape(len(signal), -1) if signal.ndim == 1 else signal, **fields
    )
    object.__setattr__(record, "signal", signal)
    with pytest.raises(InputError, match=f"bad.*{reason}"):
        check_record(record)


@pytest.mark.parametrize("gain", [0.0, -200.0, np.nan, np.inf])
def test_gains_that_are_not_positive_are_refused(make_record, gain):
    with pytest.raises(InputError, match="positive gain"):
        check_record(make_record("bad", gain=np.array([gain])))


@pytest.mark.parametrize("fields", [{"fs": 0.0}, {"fs": np.nan}, {"baseline": np.array([np.nan])}])
def test_impossible_headers_are_refused(make_record, fields):
    with pytest.raises(InputError, match="positive sampling rate"):
        check_record(make_record("bad", **fields))


@pytest.mark.parametrize("fields", [{"leads": ()}, {"gain": np.ones(2)}, {"baseline": np.zeros(0)}])
def test_a_header_for_another_number_of_leads_is_refused(make_record, fields):
    with pytest.raises(InputError, match="each of 1 leads"):
        check_record(make_record("bad", **fields))


@pytest.mark.parametrize("kind", ["beat", "rhythm"])
@pytest.mark.parametrize("positions", [[-1, 5], [5, 501], [9, 5]])
def test_events_outside_or_out_of_order_are_refused(make_record, kind, positions):
    events = {f"{kind}_positions": np.array(positions), f"{kind}_classes": np.ones(2, np.int8)}
    with pytest.raises(InputError, match=f"{kind} positions"):
        check_record(make_record("bad", **events))


def test_events_at_both_ends_and_at_one_sample_pass(make_record):
    check_record(
        make_record("good", beat_positions=np.array([0, 7, 7, 500]), beat_classes=np.ones(4, np.int8))
    )


def test_saturated_and_flat_records_are_set_aside_and_the_others_kept(write_cinc, tmp_path):
    from scipy.io import savemat

    folder = write_cinc({f"A{i:05d}": "N" for i in range(1, 6)})
    for record_id, value in (("A00002", 12), ("A00004", 32767)):
        length = 2999 + int(record_id[1:])
        savemat(
            folder / "training2017" / f"{record_id}.mat",
            {"val": np.full((1, length), value, np.int16)},
            format="4",
        )
    corpus = ingest("cinc2017", folder, tmp_path / "out", progress=False)
    assert corpus.index.record_id.tolist() == ["A00001", "A00003", "A00005"]
    assert set(corpus.manifest["quarantined"]) == {"A00002", "A00004"}
    assert all("flat" in reason for reason in corpus.manifest["quarantined"].values())
