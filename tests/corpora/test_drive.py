"""Google Drive: only whole data is kept, and every failure of gdown says what a person can do."""

import threading
from collections import namedtuple

import gdown
import pytest
import requests
from gdown.exceptions import FileURLRetrievalError

from ecgrepro.corpora import drive
from ecgrepro.corpora.downloads import DOWNLOADS, Download, File
from ecgrepro.corpora.drive import fetch_file, list_folder
from ecgrepro.corpora.fetch import fetch, fetched_state
from ecgrepro.corpora.http_transfer import Stopped
from ecgrepro.errors import DiskError, InputError, SettingsError
from tests.corpora.loopback_server import Fault, LoopbackServer

Item = namedtuple("Item", ("id", "path", "local_path"))
WEIGHTS = File("weights", 1_000, remote="ID0")
FOLDER = File("predictions", 1_000, remote="ID1")
DATA = bytes(range(256)) * 4
#: As gdown 6.5 words them, the first three after Drive's own page.
QUOTA = (
    "Failed to retrieve file url:\n\n\tToo many users have viewed or\n\tdownloaded this file recently. Please try\n"
    "\taccessing the file again later."
)
PERMISSION = "Failed to retrieve file url:\n\n\tPermission denied. You need access."
NO_LINK = (
    "Cannot retrieve the public link of the file. You may need to change the permission to 'Anyone with the link', "
    "or have had many accesses."
)


@pytest.fixture
def server():
    with LoopbackServer({"file": DATA}) as server:
        yield server


@pytest.fixture
def from_server(monkeypatch, server):
    """gdown itself, but led to this machine; returns the ids that were asked for."""
    ids, download = [], gdown.download

    def led(id, **options):
        ids.append(id)
        return download(url=server.address + "file", **options)

    led.__signature__ = __import__("inspect").signature(download)
    monkeypatch.setattr(gdown, "download", led)
    return ids


@pytest.fixture
def failing(monkeypatch):
    """A function that makes gdown raise."""

    def fail(error):
        def raising(**_):
            raise error

        for name in ("download", "download_folder"):
            monkeypatch.setattr(gdown, name, raising)

    return fail


def test_brings_the_file(from_server, tmp_path):
    seen = []
    place = tmp_path / "weights"
    assert fetch_file(WEIGHTS, tmp_path / "weights.part", place, advance=seen.append) == len(DATA)
    assert (tmp_path / "weights.part").read_bytes() == DATA
    assert sum(seen) == len(DATA)
    assert from_server == ["ID0"]
    assert [path.name for path in tmp_path.iterdir()] == ["weights.part"]


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><title>Google Drive - Quota exceeded", b"<html>"])
def test_a_web_page_is_never_kept(from_server, server, tmp_path, body):
    server.faults["file"] = [Fault(body=body)]
    with pytest.raises(InputError, match="web page"):
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_too_much_is_refused(from_server, server, tmp_path, monkeypatch, chunked):
    monkeypatch.setattr(drive, "limit", lambda file: 500)
    server.faults["file"] = [Fault(chunked=chunked)]
    with pytest.raises(InputError, match="more than 500 bytes"):
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 300])
def test_a_broken_connection_is_mended(from_server, server, tmp_path, cut):
    server.faults["file"] = [Fault(cut=cut)] * 2
    fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")
    assert (tmp_path / "weights.part").read_bytes() == DATA


def test_a_connection_that_breaks_always_is_told(from_server, server, tmp_path):
    server.faults["file"] = [Fault(cut=300)] * 9
    with pytest.raises(InputError):
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == drive.ATTEMPTS


def test_stops_when_asked(from_server, server, tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights", stop=stop)
    stop.clear()
    server.files["file"] = bytes(3_000_000)
    with pytest.raises(Stopped):
        fetch_file(
            WEIGHTS, tmp_path / "weights.part", tmp_path / "weights", stop=stop, advance=lambda _: stop.set()
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "meaning", "remedy"), [
    (FileURLRetrievalError(QUOTA), "quota for this file is used up", "Wait up to 24 hours"),
    (FileURLRetrievalError(PERMISSION), "permission denied", "Ask its owner"),
    (FileURLRetrievalError(NO_LINK), "no public link", "in a browser to see which"),
    (requests.HTTPError("404 Client Error: Not Found"), "no such file any more", "See https://drive"),
    (requests.ConnectionError("Failed to resolve 'drive.google.com'"), "no connection", "network"),
    (KeyError("Content-Type"), "no answer that can be used", "KeyError"),
    (RecursionError(), "no answer that can be used", "put it at"),
])  # fmt: skip
def test_a_failure_says_what_to_do(failing, tmp_path, error, meaning, remedy):
    failing(error)
    place = tmp_path / "weights"
    for ask in (lambda: fetch_file(WEIGHTS, tmp_path / "weights.part", place), lambda: list_folder(FOLDER)):
        with pytest.raises(InputError, match=meaning) as refused:
            ask()
        assert remedy in str(refused.value)
        assert "put it at" in str(refused.value)
        assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_the_place_for_a_file_fetched_by_hand_is_named(failing, tmp_path):
    failing(FileURLRetrievalError(QUOTA))
    with pytest.raises(InputError, match=f"put it at {tmp_path / 'weights'}.*") as refused:
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")
    assert "--drive-id weights=ID" in str(refused.value)
    assert "https://drive.google.com/file/d/ID0/view" in str(refused.value)


def test_a_full_disk_is_not_taken_for_drives_fault(failing, tmp_path):
    failing(OSError(28, "No space left on device"))
    with pytest.raises(DiskError, match="No space left"):
        fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights")


def test_an_older_gdown_that_knows_fewer_options_will_do(monkeypatch, tmp_path):
    def download(url=None, output=None, quiet=False, use_cookies=True, id=None):
        output.write(DATA)

    monkeypatch.setattr(gdown, "download", download)
    fetch_file(WEIGHTS, tmp_path / "weights.part", tmp_path / "weights", stop=threading.Event())
    assert (tmp_path / "weights.part").read_bytes() == DATA


def test_gdown_missing_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "gdown", None)
    with pytest.raises(SettingsError, match="pip install gdown"):
        list_folder(FOLDER)


def test_a_folder_gives_its_files(monkeypatch):
    items = [Item("a", "beat/seed0.npz", ""), Item("b", "random\\seed0.npz", "")]
    monkeypatch.setattr(gdown, "download_folder", lambda **_: items)
    names = {file.name: (file.remote, file.size) for file in list_folder(FOLDER)}
    assert names == {"predictions/beat/seed0.npz": ("a", 500), "predictions/random/seed0.npz": ("b", 500)}


@pytest.mark.parametrize("paths", [["../x"], ["/etc/x"], ["a\nb"], [""], ["a", "a"], [], None])
def test_a_folder_with_impossible_names_is_refused(monkeypatch, paths):
    items = paths and [Item("a", path, "") for path in paths]
    monkeypatch.setattr(gdown, "download_folder", lambda **_: items)
    with pytest.raises(InputError):
        list_folder(FOLDER)


def test_a_data_set_on_drive_is_fetched_pinned_and_compared(monkeypatch, from_server, server, tmp_path):
    entry = Download(
        "toy", "Toy weights", "http://toy.example/", "none stated", drive=(WEIGHTS,), drive_folders=(FOLDER,)
    )
    monkeypatch.setitem(DOWNLOADS, "toy", entry)
    monkeypatch.setattr(gdown, "download_folder", lambda **_: [Item("ID2", "seed0.npz", "")])
    folder = tmp_path / "toy"
    assert fetch("toy", folder, progress=False, drive_ids={"weights": "COPY"}).new_files == 2
    assert from_server == ["COPY", "ID2"]
    assert fetched_state("toy", folder) == "complete"
    assert fetch("toy", folder, progress=False).received == 0
    (folder / "weights").unlink()
    server.files["file"] = DATA + b"1"
    with pytest.raises(InputError, match="not the file that was first fetched"):
        fetch("toy", folder, progress=False)


def test_a_file_put_there_by_hand_is_taken_but_not_a_web_page(monkeypatch, from_server, tmp_path):
    monkeypatch.setitem(
        DOWNLOADS, "toy", Download("toy", "Toy", "http://toy.example/", "none", drive=(WEIGHTS,))
    )
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "weights").write_bytes(b"<html>Quota exceeded</html>")
    assert fetch("toy", tmp_path / "toy", progress=False).new_files == 1
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "weights").write_bytes(b"by hand")
    assert fetch("toy", tmp_path / "again", progress=False).new_files == 0
