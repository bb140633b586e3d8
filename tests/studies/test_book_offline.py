from pathlib import Path

import pytest

from ecgrepro.studies.book_offline import external_resources

BUILT = Path(__file__).parents[2] / "_build" / "html"

FETCHING = [
    '<script src="https://cdn.example.org/a.js"></script>',
    '<link rel="stylesheet" href="//cdn.example.org/a.css">',
    '<link rel="preconnect" href="https://fonts.example.org">',
    '<img src="https://example.org/a.png">',
    '<img srcset="a.png 1x, https://example.org/a.png 2x">',
    '<iframe src="https://example.org"></iframe>',
    '<p style="background: url(https://example.org/a.png)">',
    "<style>@import 'https://example.org/a.css';</style>",
    '<script type="module">import x from "https://cdn.example.org/x.js"</script>',
    '<script>require(["https://cdn.example.org/plot.js"])</script>',
]


@pytest.mark.parametrize("tag", FETCHING)
def test_what_a_page_would_fetch_is_found(tmp_path, tag):
    (tmp_path / "page.html").write_text(f"<html><body>{tag}</body></html>")
    found = external_resources(tmp_path)
    assert [name for name, _ in found] == ["page.html"]
    assert "example.org" in found[0][1]


def test_a_font_from_elsewhere_in_a_style_sheet_is_found(tmp_path):
    (tmp_path / "a.css").write_text("@font-face { src: url('https://fonts.example.org/a.woff') }")
    assert external_resources(tmp_path) == [("a.css", "https://fonts.example.org/a.woff")]


def test_links_and_local_files_are_no_matter(tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://example.org">x</a><link rel="canonical" href="https://example.org">'
        '<script src="_static/a.js"></script><img src="data:image/png;base64,AA//BB">'
        "<script>const address = 'https://example.org'</script>"
    )
    assert external_resources(tmp_path) == []


@pytest.mark.skipif(not BUILT.exists(), reason="no book built here yet: make book")
def test_the_built_book_needs_no_network():
    assert external_resources(BUILT) == []
