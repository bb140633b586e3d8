from html.parser import HTMLParser

import pytest

from ecgrepro.errors import InputError
from ecgrepro.studies.book_ledger import Ledger, number, published, span, told
from tests.studies.ledger_rows import GAIN, LEVEL, measured_rows, rows


class _Open(HTMLParser):
    """Collects the tags left open, and the text."""

    def __init__(self, html):
        super().__init__()
        self.stack, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.731, "0.731"),
        (-0.01, "−0.010"),
        (8528, "8,528"),
        (6.566, "6.57"),
        (None, "–"),
        ({"N": 5076, "A": 758}, "N 5,076, A 758"),
    ],
)
def test_numbers_are_written_for_readers(value, text):
    assert number(value) == text


def test_intervals_are_written_for_readers():
    assert span([-0.0123, 0.02]) == "−0.012 to 0.020"
    assert span([8528, 8528]) == "8,528"
    assert span({"N": [1, 2]}) == "N 1.000 to 2.000"


def test_published_figures_keep_their_printed_decimals():
    ledger = Ledger(rows())
    assert published(ledger.claim("T134-rhythm-minus-random")) == "−0.0034"
    assert published(ledger.claim(LEVEL)) == "0.731"


def test_counts_add_up_to_the_claims():
    ledger = Ledger(measured_rows())
    assert sum(ledger.verdict_counts().values()) == len(ledger.rows)
    assert sum(sum(ledger.verdict_counts(study).values()) for study in ledger.studies()) == len(ledger.rows)


def test_an_unknown_claim_is_refused_by_name():
    with pytest.raises(InputError, match="NO-SUCH"):
        Ledger(rows()).claim("NO-SUCH")


def test_a_sentence_tells_what_was_measured():
    sentence = Ledger(measured_rows(0.03)).sentence(GAIN)
    assert "Published: 0.048; ours: 0.030 (95% interval 0.020 to 0.040)" in sentence
    assert "**supported (substitute)**" in sentence


def test_a_sentence_on_an_unmeasured_claim_says_so():
    assert Ledger(rows()).sentence(GAIN).endswith("not measured here yet.")


def test_a_changed_rule_is_told():
    assert "rule changed after run" in told(measured_rows()[0] | {"rule_changed": "margin .02, now .03"})


@pytest.mark.parametrize("study", ["data", "resnet1d"])
def test_the_table_is_whole_html_that_markdown_leaves_alone(study):
    html = Ledger(measured_rows()).table(study)
    page = _Open(html)
    assert page.stack == []
    assert "\n\n" not in html
    assert all(row["id"] in page.text for row in measured_rows() if row["study"] == study)


def test_claims_not_run_are_folded_with_what_they_need():
    html = Ledger(rows()).table("resnet1d")
    folded = html[html.index("<details") :]
    assert GAIN in folded
    assert "icentia11k" in folded
    assert "ecgrepro run resnet1d --scale paper" in folded


def test_markup_in_a_statement_is_text():
    row = measured_rows()[0] | {"statement": "a < b & <script>"}
    assert "a &lt; b &amp; &lt;script&gt;" in Ledger([row]).table(row["study"])
