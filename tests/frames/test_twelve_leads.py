"""Twelve leads come in one order and in mV, whatever order, spelling and gains a corpus has."""

import numpy as np
import pytest

from ecgrepro.corpora.ingest import ingest
from ecgrepro.errors import InputError
from ecgrepro.frames.twelve_leads import LEADS, lead_order, twelve_leads


@pytest.fixture
def one_recording(make_record, make_corpus):
    """A function from lead names and what differs to a corpus of one recording, lead k of it k times a ramp."""

    def make(names, **fields):
        signal = np.outer(np.arange(5), np.arange(1, len(names) + 1)).astype(np.int16)
        fields = {"signal": signal, "leads": tuple(names)} | fields
        return make_corpus([make_record("a", **fields)])

    return make


def test_the_order_is_the_standard_one():
    assert ", ".join(LEADS) == "I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6"


def test_leads_are_put_in_order_and_in_millivolts(one_recording):
    names = [" v6 ", "AVR", "I", "VX", "avf", "II", "V1", "V2", "V3", "III", "aVL", "V4", "V5"]
    gain, baseline = np.linspace(100, 200, 13), np.arange(13.0)
    found = twelve_leads(one_recording(names, gain=gain, baseline=baseline), 0)
    assert (found.shape, found.dtype) == ((5, 12), np.float32)
    spelling = [name.strip().lower() for name in names]
    for column, lead in enumerate(LEADS):
        k = spelling.index(lead.lower())
        np.testing.assert_allclose(found[:, column], (np.arange(5) * (k + 1) - k) / gain[k], rtol=1e-6)


def test_a_lead_that_is_missing_or_doubled_is_named(one_recording):
    with pytest.raises(InputError, match=r"each once.*not once: aVF, V6"):
        twelve_leads(one_recording(["I", "II", "III", "aVR", "aVL", "V1", "V2", "V3", "V4", "V5"]), 0)
    with pytest.raises(InputError, match="not once: II"):
        lead_order((*LEADS, "ii"))


def test_missing_samples_are_filled_and_all_is_finite(one_recording):
    signal = np.outer(np.arange(200), np.full(12, 10)).astype(np.int16)
    signal[[50, 51, 199], 3] = -32768
    found = twelve_leads(one_recording(LEADS, signal=signal), 0)
    expected = np.arange(200) / 10
    np.testing.assert_allclose(found[:, 4], expected, rtol=1e-6)
    # a straight line within, the nearest value at the end
    expected[199] = expected[198]
    np.testing.assert_allclose(found[:, 3], expected, rtol=1e-6)


@pytest.mark.parametrize("bad", [{"gain": np.zeros(12)}, {"baseline": np.full(12, np.nan)}])
def test_what_gives_no_finite_millivolts_is_refused(one_recording, bad):
    # the writer refuses such a recording already: the index is damaged afterwards
    corpus = one_recording(LEADS)
    for name, values in bad.items():
        corpus.index[name] = [values]
    with pytest.raises(InputError, match="finite gain above 0"):
        twelve_leads(corpus, 0)


def test_real_layouts_agree(published_all, tmp_path):
    """Upper-case and mixed-case names of the same recordings lead to the same signals."""
    high = ingest("ptbxl", published_all / "ptbxl", tmp_path / "ptbxl", progress=False, fs=500)
    same = ingest("challenge_ptbxl", published_all / "challenge2021", tmp_path / "same", progress=False)
    assert tuple(high.index.leads[0]) != tuple(same.index.leads[0])
    for i in range(3):
        np.testing.assert_allclose(twelve_leads(high, i), twelve_leads(same, i), atol=1e-6)
        np.testing.assert_allclose(twelve_leads(high, i), high.millivolts(i), atol=1e-5)
