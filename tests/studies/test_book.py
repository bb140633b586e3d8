"""The book's making, tried on a small repository: every test builds on the one built once for this file."""

import shutil
from pathlib import Path

import pytest

from ecgrepro.errors import EcgreproError, InputError
from ecgrepro.studies import book
from ecgrepro.studies.book_offline import external_resources
from tests.studies.book_project import REPOSITORY, make_project
from tests.studies.ledger_rows import GAIN, measured_rows

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "_ledger_rows", measured_rows)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory, _rows):
    """(root, lines said) of a repository whose book has been built once."""
    root, said = make_project(tmp_path_factory.mktemp("book") / "project"), []
    book.build(root, say=said.append)
    return root, said


@pytest.fixture
def project(made, tmp_path):
    """A copy of that repository, free to be changed."""
    return Path(shutil.copytree(made[0], tmp_path / "project", dirs_exist_ok=True))


def html(root, page):
    return (root / "_build" / "html" / page).read_text(encoding="utf-8")


def executed(root):
    return sorted(path.name for path in (root / "_build" / "executed").glob("study-*"))


def test_the_front_page_is_index_html_with_the_ledger(made):
    page = html(made[0], "index.html")
    assert "Front page" in page
    assert GAIN in page
    assert "supported (substitute)" in page
    assert 'alt="Claims per verdict.' in page


def test_the_study_page_shows_what_its_cells_printed(made):
    assert "scale is demo" in html(made[0], "notebooks/study.html")


def test_standard_error_is_told_instead_of_printed(made):
    root, said = made
    assert [line for line in said if "standard error" in line] == [
        "study wrote to standard error: something odd"
    ]
    assert "something odd" not in html(root, "notebooks/study.html").split("print(")[-1].split("</pre>")[1]


def test_a_badge_from_the_network_becomes_a_link_in_words(made):
    assert '<a class="reference external" href="https://example.org/study">Open in Colab</a>' in html(
        made[0], "notebooks/study.html"
    )


def test_the_study_page_links_to_the_committed_notebook_in_colab(made):
    assert "colab.research.google.com/github/" in html(made[0], "notebooks/study.html")
    assert "/blob/main/notebooks/study.ipynb" in html(made[0], "notebooks/study.html")


def test_no_page_needs_the_network(made):
    assert external_resources(made[0] / "_build" / "html") == []
    assert "mathjax/tex-mml-chtml.js" in html(made[0], "notebooks/study.html")


def test_no_page_tells_where_it_was_made(made):
    root, _ = made
    for path in (root / "_build" / "html").rglob("*"):
        if path.suffix in (".html", ".ipynb", ".md", ".js"):
            assert str(root) not in path.read_text(encoding="utf-8"), path


def test_a_second_build_does_nothing(made):
    root, _ = made
    before, said = (root / "_build" / "html" / "index.html").stat().st_mtime_ns, []
    book.build(root, say=said.append)
    assert said == ["nothing changed since the book was made"]
    assert (root / "_build" / "html" / "index.html").stat().st_mtime_ns == before


def test_new_prose_is_built_without_executing_anything(project):
    page = project / "book" / "index.md"
    page.write_text(page.read_text() + "\nA new sentence.\n")
    said = []
    book.build(project, say=said.append)
    assert "study: unchanged, executed before" in said
    assert "A new sentence." in html(project, "index.html")


def test_a_failing_cell_is_named_and_the_book_before_stays(project):
    before, kept = html(project, "index.html"), executed(project)
    with pytest.raises(EcgreproError, match=r"study\.ipynb, cell \d.*AssertionError: failed on purpose"):
        book.build(project, {"fail": True}, say=lambda line: None)
    assert html(project, "index.html") == before
    assert executed(project) == kept


def test_a_warning_of_sphinx_is_an_error_and_the_book_before_stays(project):
    before = html(project, "index.html")
    page = project / "book" / "index.md"
    page.write_text(page.read_text() + "\n[nowhere](/book/no-such-page.md)\n")
    with pytest.raises(EcgreproError, match="no-such-page"):
        book.build(project, say=lambda line: None)
    assert html(project, "index.html") == before


def test_a_typed_result_stops_the_build_before_anything_runs(project):
    page = project / "book" / "index.md"
    page.write_text(page.read_text() + "\nA gain of .048.\n")
    said = []
    with pytest.raises(InputError, match=r"index\.md:\d+: \.048"):
        book.build(project, say=said.append)
    assert said == []


def test_a_page_that_is_missing_is_named(project):
    (project / "book" / "references.md").unlink()
    with pytest.raises(InputError, match=r"references\.md"):
        book.build(project, say=lambda line: None)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_pages_fit_the_window_and_ask_nothing_of_the_network(made, width, height):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    root = made[0] if not (REPOSITORY / "_build" / "html" / "index.html").exists() else REPOSITORY
    pages = sorted((root / "_build" / "html").glob("**/*.html"))
    pages = [
        page
        for page in pages
        if page.name not in ("genindex.html", "search.html") and "_static" not in page.parts
    ]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        window = browser.new_page(viewport={"width": width, "height": height})
        asked, too_wide = [], []
        window.on("request", lambda request: asked.append(request.url))
        for page in pages:
            window.goto(page.as_uri(), wait_until="load")
            if window.evaluate("document.documentElement.scrollWidth > innerWidth"):
                too_wide.append(page.name)
        browser.close()
    assert pages
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert too_wide == []
