"""Unpacking: what is in the archive and nothing else, inside the folder and nowhere else."""

import io
import lzma
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import archive
from ecgrepro.corpora.archive import unpack
from ecgrepro.errors import DiskError, InputError

FILES = {"A/one.hea": b"1" * 5_000, "A/deep/two.mat": bytes(range(256)) * 40, "three": b""}
ROOM = 1_000_000


def make_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, data in files.items():
            opened.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, data, compression)
    return path


def make_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as opened:
        for name, data in files.items():
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return path


MAKERS = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
}


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(path, match):
    """The archive is refused with these words, and leaves nothing."""
    before = set(path.parent.iterdir())
    with pytest.raises(InputError, match=match) as error:
        unpack(path, path.parent / "out", max_bytes=ROOM)
    assert path.name in str(error.value)
    assert set(path.parent.iterdir()) == before


@pytest.mark.parametrize("kind", MAKERS)
def test_gives_what_was_packed(tmp_path, kind):
    packed = MAKERS[kind](tmp_path / f"a.{kind}", FILES)
    assert unpack(packed, tmp_path / "out", max_bytes=ROOM) == 3
    assert content(tmp_path / "out") == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"out", packed.name}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_top_folder_of_the_same_name_is_not_doubled(tmp_path, kind):
    packed = MAKERS[kind](tmp_path / "packed", {"training2017/A00001.hea": b"x"})
    unpack(packed, tmp_path / "training2017", max_bytes=ROOM)
    assert content(tmp_path / "training2017") == {"A00001.hea": b"x"}


def test_folders_may_be_named_and_named_again(tmp_path):
    packed = make_zip(tmp_path / "a.zip", {"A/": b"", "A/one": b"1"})
    with zipfile.ZipFile(packed, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("A/", b"")
    assert unpack(packed, tmp_path / "out", max_bytes=ROOM) == 1


def test_what_a_killed_unpacking_left_is_cleared(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "old").write_text("old")
    unpack(make_zip(tmp_path / "a.zip", FILES), tmp_path / "out", max_bytes=ROOM)
    assert content(tmp_path / "out") == FILES


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("name", [
    "../out2", "A/../../x", "/etc/x", "A\\..\\x", "C:x", "a\nb", "..", "x" * 1_001,
])  # fmt: skip
def test_names_outside_the_folder_are_refused(tmp_path, kind, name):
    refused(MAKERS[kind](tmp_path / f"a.{kind}", {"good": b"1", name: b"2"}), "names below the folder")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("names", [("a", "A"), ("a", "./a"), ("a", "a/b"), ("a/b", "a"), ("é", "e\u0301")])
def test_two_members_of_one_name_are_refused(tmp_path, kind, names):
    refused(MAKERS[kind](tmp_path / f"a.{kind}", dict.fromkeys(names, b"1")), "every name once")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    refused(make_tar(tmp_path / "a.tar", {"good": b"1", member: b""}), "a link or device 'link'")


def test_links_in_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(make_zip(tmp_path / "a.zip", {"good": b"1", link: b"/etc/passwd"}), "a link or device 'link'")


def test_a_locked_zip_is_refused(tmp_path):
    packed = make_zip(tmp_path / "a.zip", {"secret": b"1"})
    data = bytearray(packed.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(data)
    refused(packed, "a locked .*'secret'")


@pytest.mark.parametrize("kind", MAKERS)
def test_more_bytes_than_are_expected_are_refused(tmp_path, kind):
    many = {f"{i}": bytes(ROOM // 4) for i in range(5)}
    refused(MAKERS[kind](tmp_path / f"a.{kind}", many), "at most 1,000,000 bytes|times its size")


def test_a_ratio_out_of_all_proportion_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_RATIO", 10)
    refused(make_zip(tmp_path / "a.zip", {"a": bytes(900_000)}), "10 times its size")


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    files = {f"{i}": b"" for i in range(5)}
    refused(make_zip(tmp_path / "a.zip", files), "at most 3 members")
    (tmp_path / "a.zip").unlink()
    refused(make_tar(tmp_path / "a.tar", files), "at most 3 members")


def test_a_zip_that_states_less_than_it_holds_is_refused(tmp_path):
    packed = make_zip(tmp_path / "a.zip", {"a": b"0123456789" * 100}, zipfile.ZIP_STORED)
    data = bytearray(packed.read_bytes())
    data[data.index(b"PK\x01\x02") + 24 : data.index(b"PK\x01\x02") + 28] = (10).to_bytes(4, "little")
    packed.write_bytes(data)
    refused(packed, "a.zip: expected")


def test_a_tar_header_that_asks_for_much_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_READ", 1 << 16)
    member = tarfile.TarInfo("a")
    member.pax_headers = {"comment": "x" * 200_000}
    refused(make_tar(tmp_path / "a.tar.gz", {member: b""}, "w:gz"), "asks for")


def test_an_xz_stream_that_asks_for_much_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_READ", 1 << 16)
    packed = tmp_path / "a.tar.xz"
    packed.write_bytes(lzma.compress(make_tar(tmp_path / "a.tar", FILES).read_bytes(), preset=6))
    (tmp_path / "a.tar").unlink()
    refused(packed, "a whole archive")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"no archive", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh9", bytes(10_240)]
)
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    refused(tmp_path / "a", "a whole archive of plain files")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_truncated_archive_is_refused(tmp_path, kind):
    packed = MAKERS[kind](tmp_path / f"a.{kind}", FILES)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size * 2 // 5])
    refused(packed, "expected")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_mutated_archive_is_unpacked_or_refused(tmp_path_factory, kind):
    folder = tmp_path_factory.mktemp("mutated")
    whole = MAKERS[kind](folder / "whole", FILES).read_bytes()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=8))
    def check(changes):
        data = bytearray(whole)
        for place, value in changes:
            data[place] = value
        (folder / "mutated").write_bytes(data)
        try:
            unpack(folder / "mutated", folder / "out", max_bytes=ROOM)
        except InputError:
            assert not (folder / "out").exists()
        else:
            Path(folder / "out").rename(folder / f"out{len(list(folder.iterdir()))}")
        assert not (folder / "out.partial").exists()

    check()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="run the same command"):
        unpack(make_zip(tmp_path / "a.zip", FILES), tmp_path / "file" / "out", max_bytes=ROOM)
