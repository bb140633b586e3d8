from pathlib import Path

import pytest

from ecgrepro.errors import InputError
from ecgrepro.studies.book import pages
from ecgrepro.studies.book_numbers import check_prose, typed_results

TYPED = [
    ("the gain was .048 here", ".048"),
    ("F1 rose to 0.779.", "0.779"),
    ("a fall of −0.3 points", "−0.3"),
    ("up to 6.57 % better", "6.57"),
    ("73 % of the gain", "73"),
    ("73% of the gain", "73"),
    ("all 8,528 records", "8,528"),
    ("all 8\u202f528 records", "8\u202f528"),
    ("all 8528 records", "8528"),
    ("# A title with 0.5", "0.5"),
    ("| a cell | .702 |", ".702"),
    ("```{note}\nInside a note: 0.9\n```", "0.9"),
    (":::{tip}\nInside a tip: 0.9\n:::", "0.9"),
    ('<div style="width:0.5em">0.77</div>', "0.77"),
]

LEFT_ALONE = [
    "`0.731` in code",
    "``0.731 and ` 0.5``",
    'bound: {{ claim("T1F-0.5").published }} {% if x > 0.5 %}{% endif %}',
    "a formula $\\alpha = 0.05$ and $$x = 0.5$$",
    "[text](https://example.org/1.0.0/) and https://example.org/0.5",
    "doi 10.1038/s41598-021-84374-8",
    "in 2017 and in 2021, eighteen layers, ResNet-18, CinC 2017, record A00227, three of 48 records",
    "```python\nx = 0.731\n```",
    "```{code-cell} ipython3\n:tags: [parameters]\nx = 0.731\n```",
    "```{figure} a.svg\n:width: 0.5\n```",
    "{glue:text}`f1:.3f`",
    "<!-- 0.731 -->",
    "% 0.731 in a comment",
    '+++ {"share": 0.5}',
    "---\njupytext_version: 1.19.6\nshare: 0.5\n---\n",
]


@pytest.mark.parametrize(("text", "number"), TYPED)
def test_a_result_typed_into_prose_is_found(text, number):
    assert [found for _, found in typed_results(text)] == [number]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_typed_result_is_left_alone(text):
    assert typed_results(text) == []


def test_prose_after_code_is_looked_at_again():
    text = "```\n0.1\n```\n0.2\n~~~~{note}\n```\n0.3\n```\n0.4\n~~~~\n0.5\n"
    assert typed_results(text) == [(4, "0.2"), (9, "0.4"), (11, "0.5")]


def test_the_message_names_file_and_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nA gain of .048.\n")
    with pytest.raises(InputError, match=r"page\.md:3: \.048"):
        check_prose([page])


def test_clean_prose_passes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nA gain of {{ claim('X').published }}.\n")
    check_prose([page])


def test_no_page_of_the_book_holds_a_number_typed_by_hand():
    root = Path(__file__).parents[2]
    check_prose([root / f"{page}.md" for page in pages(root)])
