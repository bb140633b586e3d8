from html.parser import HTMLParser
from pathlib import Path

import pytest

from ecgrepro.claims import discrepancies
from ecgrepro.errors import InputError
from ecgrepro.studies.book_discrepancies import COMMAND, names, register_table, switch_table
from ecgrepro.studies.book_numbers import check_prose
from ecgrepro.studies.book_prose import render

PAGE = Path(__file__).parents[2] / "book" / "discrepancies.md"
N_SWITCHES = len(discrepancies.switches())


class _Read(HTMLParser):
    """Fails on a tag that another one closes; collects text, rows, anchors and links."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.text, self.rows, self.anchors, self.links = [], "", 0, [], []
        self.feed(page)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.stack.append(tag)
        self.rows += tag == "tr"
        self.anchors += [value for name, value in attrs if name == "id"]
        self.links += [value.removeprefix("#") for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


def effect(switch="input_60s", **changes):
    made = {"switch": switch, "start": "random", "labels": 1.0, "estimate": 0.0123, "low": -0.0104, "high": 0.035,
            "n_seeds": 5, "n_records": 8528}  # fmt: skip
    return made | changes


def page(effects=()):
    return render(PAGE, names(effects))


def test_switches_without_a_run_tell_the_command():
    table = switch_table()
    assert _Read(table).rows == 1 + N_SWITCHES
    assert table.count(">not run<") == N_SWITCHES
    assert table.count(f"<code>{COMMAND}</code>") == N_SWITCHES


def test_a_measured_switch_tells_effect_interval_and_smallest_margin():
    table = switch_table([effect()])
    told = _Read(table).text
    assert "+0.01295 % interval −0.010 to 0.0355 seeds, 8,528 records" in told
    assert "±0.023" in told
    assert "from a random start, 100 % of the training labels" in told
    assert table.count(">not run<") == N_SWITCHES - 1


def test_a_loss_has_its_sign_and_zero_none():
    assert "<div>−0.012<small>" in switch_table([effect(estimate=-0.0123, low=-0.02)])
    assert "<div>0.000<small>" in switch_table([effect(estimate=-0.0001)])


def test_readings_of_a_switch_stand_beside_its_effect_once():
    effects = [effect(), effect(start="beat_2048", labels=0.1)]
    table = switch_table(effects)
    assert _Read(table).rows == 1 + N_SWITCHES + 1
    assert table.count("15,000 samples at 250 Hz") == 1
    assert "after beat pre-training, 10 % of the training labels" in table
    assert table.count("<div>as above</div>") == 1


def test_arms_that_are_judged_by_other_labels_are_marked():
    marked = switch_table([effect("labels_v2", paired=False), effect(paired=True)])
    assert marked.count("the arms are not paired") == 1


def test_a_switch_links_to_its_entry_if_it_has_one():
    table = switch_table()
    assert '<a href="#X-03">X-03</a>' in table
    expected = [switch.discrepancy for switch in discrepancies.switches() if switch.discrepancy]
    assert _Read(table).links == expected


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([effect("no_such")], "one of.*no_such"),
        ([effect(start="rhythm")], "a start among.*rhythm"),
        ([effect(low=0.04)], "low <= high"),
        ([effect(high=float("nan"))], "low <= high"),
        ([effect(high=None)], "low <= high"),
        ([effect(), effect()], "one effect for each"),
        ([effect(more=1)], "only the keys"),
        ([{"switch": "input_60s"}], "none for.*estimate"),
    ],
)
def test_effects_that_cannot_be_shown_are_refused(effects, message):
    with pytest.raises(InputError, match=message):
        switch_table(effects)


def test_the_register_has_every_entry_with_its_readings_folded_away():
    made = register_table()
    read = _Read(made)
    entries = discrepancies.load()
    assert read.anchors == [entry.id for entry in entries]
    assert made.count('<details class="ledger-waiting"') == made.count("<summary>") == len(entries)
    assert read.rows == sum(1 + len(entry.readings) for entry in entries)
    assert all(claim in read.text for entry in entries for claim in entry.claims + entry.arithmetic)


def test_the_register_of_a_study_has_what_touches_it():
    expected = [entry.id for entry in discrepancies.load() if "calibration" in entry.studies]
    assert _Read(register_table("calibration")).anchors == expected
    assert "X-27" in expected


def test_an_unknown_study_is_refused():
    with pytest.raises(InputError, match="one of data.*resnet2d"):
        register_table("resnet2d")


def test_the_turn_of_a_switch_stands_beside_the_reading_that_turns_it():
    made = register_table("resnet1d")
    assert made.count("switch <code>input_60s</code> on") == 1
    assert made.count("switch <code>input_60s</code> off") == 3


def test_words_of_the_register_are_no_markup(monkeypatch):
    reading = discrepancies.Reading("paper", "A & B", "<here>", "Uses `--val-metric` <b>.")
    entry = discrepancies.Discrepancy("X-01", ("data",), "<i>", (reading, reading), "It\nmatters.", (), "So.")
    monkeypatch.setattr(discrepancies, "load", lambda: (entry,))
    made = register_table()
    assert "<i>" not in made
    assert "<b>" not in made
    assert "A &amp; B<small>&lt;here&gt;</small>" in made
    assert "Uses <code>--val-metric</code> &lt;b&gt;." in made
    assert "It matters." in made


def test_the_page_shows_every_entry_once_and_links_nowhere_else():
    made = page([effect()])
    anchors = [entry.id for entry in discrepancies.load()]
    for anchor in anchors:
        assert made.count(f'id="{anchor}"') == 1
    read = _Read("\n".join(line for line in made.splitlines() if line.startswith("<")))
    assert set(read.links) <= set(anchors)
    assert [line for line in made.splitlines() if line.startswith("### ")] == [
        f"### {study}" for study in names()["discrepancy_studies"]
    ]


def test_tables_are_not_cut_by_empty_lines():
    # an empty line would end the raw HTML, and the rest would be read as Markdown
    for made in (switch_table([effect()]), register_table()):
        assert "\n\n" not in made


def test_the_page_is_made_without_any_run():
    made = page()
    assert f"holds {len(discrepancies.load())} places" in made
    assert f"one of {N_SWITCHES} switches" in made


def test_no_figure_is_typed_into_the_page():
    check_prose([PAGE])


def test_links_of_another_page_lead_to_the_register():
    assert 'href="#X-03"' in switch_table()
    assert 'href="../book/discrepancies.html#X-03"' in switch_table(register="../book/discrepancies.html")
    assert 'href="#' not in switch_table(register="../book/discrepancies.html")


def test_an_interval_that_leaves_its_estimate_out_is_shown():
    assert "0.020" in switch_table([effect(estimate=0.02, low=0.021, high=0.035)])
