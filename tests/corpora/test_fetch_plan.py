"""The plan of a fetch: the list is read as it is or refused, and space is asked for."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import fetch_plan
from ecgrepro.corpora.downloads import DOWNLOADS, Download, File
from ecgrepro.corpora.fetch_plan import Plan, listed_files, read_list, require_space
from ecgrepro.errors import DiskError, InputError

TOY = Download("toy", "Toy", "http://toy.example/", "CC0", pattern=r"\d+\.dat", bytes_of=((".dat", 7, 1),))


@pytest.mark.parametrize(
    "form", ["{sum} {name}\n", "{sum}  {name}\n", "{sum} *{name}\r\n", "{sum}  ./{name}", "\n{sum}\t{name}\n"]
)
def test_every_usual_form_of_a_list_is_read(tmp_path, form):
    (tmp_path / "sums").write_bytes(form.format(sum="AB" * 32, name="1.dat").encode())
    assert listed_files(TOY, tmp_path / "sums", {}) == [File("1.dat", 7, "ab" * 32)]


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    try:
        files = listed_files(TOY, path, {})
    except InputError:
        files = None
    assert files != []


def test_a_line_without_end_takes_no_memory(tmp_path):
    with (tmp_path / "sums").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(InputError, match="line 1"):
        list(read_list(tmp_path / "sums"))


def test_icentia_is_chosen_by_the_number_of_the_patient(tmp_path):
    names = [f"p0{n // 1000}/p{n:05d}/p{n:05d}_s00.dat" for n in (0, 109, 110, 1_000)]
    (tmp_path / "sums").write_text("".join(f"{'0' * 64} {name}\n" for name in names))
    found = listed_files(DOWNLOADS["icentia11k"], tmp_path / "sums", {"patients": 110})
    assert [file.name for file in found] == names[:2]
    assert found[0].size == 2_097_154


def test_space_is_asked_for_with_a_margin(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_plan, "free", lambda folder: 1_000)
    require_space(tmp_path, 950)
    with pytest.raises(DiskError, match=f"{tmp_path}.*Free some space"):
        require_space(tmp_path, 960)


def test_a_plan_counts_what_is_missing_and_says_it(tmp_path):
    plan = Plan(TOY, tmp_path / "new" / "toy", [File("1.dat", 3_000_000), File("a.zip", 1_000_000, unpacked=2_000_000)],
                5, {"patients": 2}, here=500_000)  # fmt: skip
    assert (plan.size, plan.unpacked) == (3_500_000, 2_000_000)
    text = plan.describe()
    for part in (
        "the first 2 patients",
        "5, 3 of them here",
        "3.5 MB to fetch, and 2.0 MB unpacked",
        "CC0",
        "toy.example",
    ):
        assert part in text
    assert not Path(tmp_path / "new").exists()
