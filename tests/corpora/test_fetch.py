"""Fetching a data set: the right bytes or an error that says what to do, resumable, and nothing fetched twice."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ecgrepro.corpora import archive, fetch_files, fetch_plan, http_transfer
from ecgrepro.corpora.downloads import DOWNLOADS, Download, File
from ecgrepro.corpora.fetch import fetch, fetched_state
from ecgrepro.corpora.fetch_folder import CHECKSUMS, FetchFolder
from ecgrepro.errors import DiskError, InputError, SettingsError
from tests.corpora.loopback_server import Fault, LoopbackServer

RECORDS = {
    f"{number}.{end}": os.urandom(size)
    for number in range(100, 104)
    for end, size in (("dat", 90_000), ("hea", 90))
}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def listing(files):
    return "".join(f"{sha256(data)} {name}\n" for name, data in files.items()).encode()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(http_transfer, "BACKOFF", 0.001)
    monkeypatch.setattr(http_transfer, "LONGEST_WAIT", 0.01)


@pytest.fixture
def server():
    files = {f"1.0/{name}": data for name, data in RECORDS.items()}
    with LoopbackServer(files | {"1.0/SHA256SUMS.txt": listing(RECORDS | {"HEADER.html": b""})}) as server:
        yield server


@pytest.fixture
def mirror(server):
    with LoopbackServer(dict(server.files)) as mirror:
        yield mirror


@pytest.fixture
def entry(server, monkeypatch):
    """A function that registers ``toy``, a listed data set on the server, with what differs."""

    def register(**changes):
        fields = {
            "name": "toy", "title": "Toy recordings", "page": "http://toy.example/", "licence": "CC0",
            "mirrors": (server.address + "1.0/",), "pattern": r"\d{3}\.(dat|hea)", "list_size": 1_000,
            "bytes_of": ((".dat", 90_000, 4), (".hea", 90, 4)),
        }  # fmt: skip
        made = Download(**(fields | changes))
        monkeypatch.setitem(DOWNLOADS, "toy", made)
        return made

    register()
    return register


@pytest.fixture
def get(entry, tmp_path):
    """A function that fetches ``toy`` without a bar."""
    return lambda **options: fetch("toy", tmp_path / "toy", **({"progress": False} | options))


def here(folder, names=RECORDS):
    return {name: (folder / "toy" / name).read_bytes() for name in names if (folder / "toy" / name).exists()}


def test_fetches_what_the_list_names_and_nothing_else(get, server, tmp_path):
    done = get()
    assert here(tmp_path) == RECORDS
    assert (done.files, done.new_files, done.new_bytes) == (8, 8, 4 * 90_090)
    assert done.received == server.sent == 4 * 90_090 + len(server.files["1.0/SHA256SUMS.txt"])
    left = {path.name for path in (tmp_path / "toy").iterdir()}
    assert left == {*RECORDS, "SHA256SUMS.txt", CHECKSUMS, "selection.json", ".fetch.lock"}


def test_what_is_finished_is_never_fetched_again(get, server):
    get()
    asked = len(server.asked)
    assert get().new_files == 0
    assert len(server.asked) == asked


def test_a_copied_folder_is_read_through_and_not_fetched_again(get, server, tmp_path):
    get()
    for path in (tmp_path / "toy").glob("*.dat"):
        os.utime(path, ns=(1, 1))
    asked = len(server.asked)
    assert get().received == 0
    assert len(server.asked) == asked


@pytest.mark.parametrize("damage", [b"", b"x" * 90_000])
def test_a_file_that_was_damaged_or_lost_is_fetched_again(get, tmp_path, damage):
    get()
    (tmp_path / "toy" / "100.dat").write_bytes(damage)
    (tmp_path / "toy" / "101.dat").unlink()
    assert get().new_files == 2
    assert here(tmp_path) == RECORDS


def test_files_put_there_by_hand_are_taken_where_they_agree(get, server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "100.dat").write_bytes(RECORDS["100.dat"])
    (tmp_path / "toy" / "101.dat").write_bytes(b"another")
    assert get().new_files == 7
    assert here(tmp_path) == RECORDS


def test_several_files_come_at_once(get, server, monkeypatch):
    together, most, guard = 0, 0, threading.Lock()
    run = http_transfer.Transfer.run

    def counted(self):
        nonlocal together, most
        with guard:
            together += 1
            most = max(most, together)
        time.sleep(0.02)
        run(self)
        with guard:
            together -= 1

    monkeypatch.setattr(http_transfer.Transfer, "run", counted)
    get(jobs=3)
    assert most == 3


def test_every_fault_on_the_way_is_overcome(get, server, tmp_path):
    server.faults["*"] = [
        Fault(cut=30_000),
        Fault(status=503),
        Fault(cut=1),
        Fault(stated=95_000),
        Fault(chunked=True),
    ]
    get()
    assert here(tmp_path) == RECORDS


def test_the_next_mirror_is_asked_when_one_fails(entry, get, server, mirror, tmp_path):
    entry(mirrors=(server.address + "1.0/", mirror.address + "1.0/"))
    server.files = {name: data for name, data in server.files.items() if not name.endswith(".dat")}
    get()
    assert here(tmp_path) == RECORDS
    assert sum(path.endswith(".dat") for path, _ in mirror.asked) == 4


def test_the_next_mirror_is_asked_when_a_checksum_disagrees(entry, get, server, mirror, tmp_path):
    entry(mirrors=(server.address + "1.0/", mirror.address + "1.0/"))
    server.files["1.0/100.dat"] = b"x" * 90_000
    get()
    assert here(tmp_path) == RECORDS


def test_a_mirror_that_is_down_is_not_tried_first_again(entry, get, server, mirror):
    entry(mirrors=(server.address + "1.0/", mirror.address + "1.0/"))
    server.faults["*"] = [Fault(status=503)] * 1_000
    get(jobs=1)
    assert len(server.asked) == http_transfer.ATTEMPTS


def test_a_file_goes_on_at_the_mirror_where_it_began(entry, get, server, mirror):
    entry(mirrors=(server.address + "1.0/", mirror.address + "1.0/"))
    server.files = {name: data for name, data in server.files.items() if name != "1.0/100.dat"}
    mirror.faults["1.0/100.dat"] = [Fault(cut=60_000)] + [Fault(status=503)] * 5
    with pytest.raises(InputError):
        get()
    server.files["1.0/100.dat"] = RECORDS["100.dat"]
    assert get().received == 30_000


def test_a_wrong_checksum_everywhere_is_told_with_both(get, server, tmp_path):
    server.files["1.0/100.dat"] = b"x" * 90_000
    with pytest.raises(InputError, match=f"{sha256(RECORDS['100.dat'])}.*{sha256(b'x' * 90_000)}") as error:
        get()
    assert "100.dat" in error.value.where
    assert len(here(tmp_path)) == 7  # all others came
    assert not list((tmp_path / "toy").glob("*.part*"))


def test_many_files_that_cannot_be_had_end_the_fetch(get, server):
    server.files = {"1.0/SHA256SUMS.txt": server.files["1.0/SHA256SUMS.txt"]}
    with pytest.raises(InputError, match=r"127.0.0.1:\d+: HTTP 404 .*2 more files failed"):
        get(jobs=1)
    assert len(server.asked) < 7


@pytest.mark.parametrize(("fault", "words"), [
    (Fault(headers={"Content-Type": "text/html"}), "an HTML page instead of the file"),
    (Fault(status=302, headers={"Location": "https://evil.example/"}), "evil.example.*not among the registered hosts"),
    (Fault(stated=10**15), "more than the .* that it may have"),
])  # fmt: skip
def test_what_is_no_data_is_refused_in_one_line(get, server, fault, words):
    server.faults["1.0/100.dat"] = [fault]
    with pytest.raises(InputError, match=words) as error:
        get()
    assert "\n" not in str(error.value)


def test_a_redirect_to_a_host_of_the_entry_is_followed(entry, get, server, mirror, tmp_path):
    entry(hosts=(urlsplit(mirror.address).netloc,))
    server.faults["1.0/100.dat"] = [Fault(status=302, headers={"Location": mirror.address + "1.0/100.dat"})]
    get()
    assert here(tmp_path) == RECORDS


# -- what is chosen, and the list --------------------------------------------------------------------------------------

PATIENTS = {
    f"p0{n // 2}/p0000{n}/p0000{n}_s0{s}.{end}": os.urandom(500) for n in range(4) for s in range(2 + n % 2)
    for end in ("dat", "hea", "atr")
}  # fmt: skip


@pytest.fixture
def by_patient(entry, server):
    server.files = {f"1.0/{name}": data for name, data in PATIENTS.items()} | {
        "1.0/SHA256SUMS.txt": listing(PATIENTS)
    }
    return entry(pattern=DOWNLOADS["icentia11k"].pattern)


def test_patients_come_whole_and_by_number(by_patient, get, tmp_path):
    assert get(patients=2).files == 3 * (2 + 3)
    wanted = {name: data for name, data in PATIENTS.items() if name[5:10] in ("00000", "00001")}
    assert here(tmp_path, PATIENTS) == wanted
    assert fetched_state("toy", tmp_path / "toy") == "complete (2 patients)"
    assert get(patients=3).new_files == 3 * 2
    assert get().files == len(PATIENTS)


def test_patients_are_refused_where_there_are_none_or_less_than_one(by_patient, entry, get):
    with pytest.raises(SettingsError, match="at least 1"):
        get(patients=0)
    entry()
    with pytest.raises(SettingsError, match="fetched whole"):
        get(patients=2)


def test_further_parts_come_when_asked_for(entry, get, tmp_path):
    entry(pattern=r"\d{3}\.hea", extra=(("signals", r"\d{3}\.dat"),))
    assert get().files == 4
    assert get(extra=("signals",)).new_files == 4
    assert here(tmp_path) == RECORDS
    with pytest.raises(SettingsError, match="signals.*nothing"):
        get(extra=("nothing",))


def test_a_prefix_is_taken_off(entry, get, server, tmp_path):
    files = {f"training/toy/g1/{name}": data for name, data in RECORDS.items()}
    server.files = {f"1.0/{name}": data for name, data in files.items()} | {
        "1.0/SHA256SUMS.txt": listing(files)
    }
    entry(prefix="training/toy/", pattern=r"g\d/\d{3}\.(dat|hea)")
    get()
    assert (tmp_path / "toy" / "g1" / "100.dat").read_bytes() == RECORDS["100.dat"]


@pytest.mark.parametrize(("lines", "words"), [
    (b"<h1>no list</h1>\n", "line 1"),
    (b"abc 100.dat\n", "line 1"),
    (b"0" * 64 + b" 100.dat\n" + b"1" * 64 + b" 100.dat\n", "'100.dat' with two checksums"),
    (b"0" * 64 + b" README\n", "none of that form"),
    (b"", "none of that form"),
    (b"\xff" * 10_000, "line 1"),
])  # fmt: skip
def test_a_list_of_another_form_is_refused(get, server, lines, words):
    server.files["1.0/SHA256SUMS.txt"] = lines
    with pytest.raises(InputError, match=words):
        get()


def test_names_that_lead_outside_the_folder_are_not_fetched(get, server, tmp_path):
    names = ("../100.dat", "/100.dat", "100.dat/../../x.dat", "..\\100.dat")
    server.files["1.0/SHA256SUMS.txt"] += "".join(f"{'0' * 64} {name}\n" for name in names).encode()
    get()
    assert {path.name for path in tmp_path.iterdir()} == {"toy"}


def test_a_list_that_is_not_the_published_one_is_refused(entry, get):
    entry(listed_pattern=r"\d+\.dat", listed_sha256="0" * 64)
    with pytest.raises(InputError, match="published checksums"):
        get()


# -- checksums of the first fetch --------------------------------------------------------------------------------------


@pytest.fixture
def unlisted(entry):
    return entry(pattern="", files=(File("100.dat", 90_000), File("100.hea", 90)))


def test_where_no_checksum_is_known_the_first_one_is_pinned(unlisted, get, server, tmp_path):
    get()
    lines = [json.loads(line) for line in (tmp_path / "toy" / CHECKSUMS).read_text().splitlines()]
    assert {line["file"]: line["sha256"] for line in lines} == {
        n: sha256(RECORDS[n]) for n in ("100.dat", "100.hea")
    }
    (tmp_path / "toy" / "100.dat").unlink()
    server.files["1.0/100.dat"] = b"new" * 30_000
    with pytest.raises(
        InputError, match=f"{sha256(RECORDS['100.dat'])}.*not the file that was first fetched"
    ):
        get()


def test_the_list_is_pinned_too(get, server, tmp_path):
    get()
    (tmp_path / "toy" / "SHA256SUMS.txt").unlink()
    server.files["1.0/SHA256SUMS.txt"] += b"\n"
    with pytest.raises(InputError, match="SHA256SUMS.txt.*first fetched"):
        get()


def test_a_journal_torn_by_a_crash_loses_one_file_at_most(get, server, tmp_path):
    get()
    journal = tmp_path / "toy" / CHECKSUMS
    journal.write_bytes(b'\xff{"file"}\n[]\n' + journal.read_bytes()[:-9])
    assert get().received == 0
    assert get().new_files == 0


def test_an_exact_size_is_asked_for(entry, get):
    entry(pattern="", files=(File("100.dat", 90_001, exact=True),))
    with pytest.raises(InputError, match="90,000 bytes instead of 90,001"):
        get()


# -- archives ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(entry, server, tmp_path):
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as opened:
        for name, data in RECORDS.items():
            opened.writestr(f"training/{name}", data)
    server.files["1.0/training.zip"] = (tmp_path / "toy.zip").read_bytes()
    return entry(pattern="", files=(File("training.zip", 400_000, unpacked=400_000),))


def test_an_archive_is_unpacked_beside_itself_once(packed, get, tmp_path, monkeypatch):
    get()
    assert {path.name: path.read_bytes() for path in (tmp_path / "toy" / "training").iterdir()} == RECORDS
    monkeypatch.setattr(archive, "unpack", None)
    get()


def test_an_unpacking_that_was_killed_is_made_up_for(packed, get, tmp_path, monkeypatch):
    def full(*_, **__):
        raise DiskError("disk", "room", "none", "Free some.")

    with monkeypatch.context() as patched:
        patched.setattr(archive, "unpack", full)
        with pytest.raises(DiskError):
            get()
    assert fetched_state("toy", tmp_path / "toy") == "training.zip not unpacked"
    assert get().received == 0
    assert fetched_state("toy", tmp_path / "toy") == "complete"


def test_a_damaged_archive_is_not_pinned(packed, get, server, tmp_path):
    whole = server.files["1.0/training.zip"]
    server.files["1.0/training.zip"] = whole[:100_000]
    with pytest.raises(InputError, match=r"training\.zip"):
        get()
    server.files["1.0/training.zip"] = whole
    get()
    assert len(list((tmp_path / "toy" / "training").iterdir())) == len(RECORDS)


# -- before the first byte ---------------------------------------------------------------------------------------------


def test_too_little_space_is_told_before_the_first_byte_of_data(get, server, monkeypatch):
    monkeypatch.setattr(fetch_plan, "free", lambda folder: 100_000)
    with pytest.raises(DiskError, match="Free some space"):
        get()
    assert [path for path, _ in server.asked] == ["1.0/SHA256SUMS.txt"]


def test_space_is_asked_for_the_unpacked_archive_too(packed, get, server, monkeypatch):
    monkeypatch.setattr(fetch_plan, "free", lambda folder: 800_000)
    with pytest.raises(DiskError):
        get()
    assert server.asked == []


def test_what_will_be_done_is_said_first(entry, get, server, tmp_path):
    entry(licence="CC BY-NC", non_commercial=True)
    said = []
    get(announce=lambda plan: said.append((plan.describe(), len(server.asked))), accept_licence=True)
    text, asked = said[0]
    assert asked == 1  # the list alone
    for part in ("toy: Toy recordings", "http://toy.example/", "CC BY-NC (not for commercial use)",
                 "8, 0 of them here", "about 0.4 MB", str(tmp_path / "toy")):  # fmt: skip
        assert part in text
    get(announce=lambda plan: said.append((plan.describe(), 0)))
    assert "8, 8 of them here" in said[1][0]


def test_a_bar_shows_bytes_and_rate(get, capsys):
    get(progress=True)
    err = capsys.readouterr().err
    assert "fetch toy" in err
    assert "B/s" in err
    assert "361k" in err or "360k" in err


def test_a_non_commercial_licence_has_to_be_accepted_once(entry, get, server, tmp_path):
    entry(licence="CC BY-NC", non_commercial=True)
    with pytest.raises(SettingsError, match="CC BY-NC.*ecgrepro data fetch toy --accept-licence"):
        get()
    assert server.asked == []
    assert not (tmp_path / "toy").exists()
    get(accept_licence=True)
    kept = json.loads((tmp_path / "toy" / "licence.json").read_text())
    assert kept["licence"] == "CC BY-NC"
    assert len(kept["accepted"]) == len("2026-01-31")
    get()
    entry(licence="CC BY-NC 5", non_commercial=True)
    with pytest.raises(SettingsError):
        get()


def test_unknown_names_and_numbers_are_refused(get, tmp_path):
    with pytest.raises(SettingsError, match="icentia11k"):
        fetch("mitdb", tmp_path)
    with pytest.raises(SettingsError, match="jobs"):
        get(jobs=0)


def test_a_folder_of_another_data_set_is_refused(get, entry, monkeypatch, tmp_path):
    get()
    monkeypatch.setitem(DOWNLOADS, "other", replace(DOWNLOADS["toy"], name="other"))
    with pytest.raises(SettingsError, match="holds toy"):
        fetch("other", tmp_path / "toy", progress=False)


def test_a_second_process_at_the_same_folder_is_refused(get, tmp_path):
    pytest.importorskip("fcntl", reason="this system has no file locks")
    with FetchFolder(tmp_path / "toy"), pytest.raises(SettingsError, match="Wait until it has finished"):
        get()


def test_a_folder_that_cannot_be_made_is_told(entry, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file"):
        fetch("toy", tmp_path / "file", progress=False)


def test_a_folder_in_the_place_of_a_file_is_told(get, tmp_path):
    (tmp_path / "toy" / "100.dat").mkdir(parents=True)
    with pytest.raises(DiskError, match=r"100\.dat"):
        get()


# -- interruption ------------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_what_has_arrived(get, server, tmp_path, monkeypatch):
    server.bandwidth = 1_000_000

    def interrupt(waiting, failed):
        while not list((tmp_path / "toy").glob("*.dat.part")):
            time.sleep(0.01)
        time.sleep(0.1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fetch_files, "_settle", _once_listed(fetch_files._settle, interrupt))
        with pytest.raises(KeyboardInterrupt):
            get()
    server.bandwidth = None
    before = server.sent
    get()
    assert here(tmp_path) == RECORDS
    assert before > 70_000
    # but for what the machine held between server and reader when the connection was cut
    assert server.sent < 4 * 90_090 + len(server.files["1.0/SHA256SUMS.txt"]) + 4 * 65_536


def _once_listed(settle, interrupt):
    calls = []

    def first_the_list(waiting, failed):
        calls.append(1)
        return settle(waiting, failed) if len(calls) == 1 else interrupt(waiting, failed)

    return first_the_list


def test_a_killed_process_is_gone_on_with(get, server, tmp_path, entry):
    server.bandwidth = 400_000
    program = (
        "import sys\n"
        "from ecgrepro.corpora.downloads import DOWNLOADS, Download\n"
        "from ecgrepro.corpora.fetch import fetch\n"
        f"DOWNLOADS['toy'] = {DOWNLOADS['toy']!r}\n"
        "fetch('toy', sys.argv[1], progress=False)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "toy")],
                               cwd=Path(__file__).parents[2])  # fmt: skip
    while server.sent < 150_000:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert fetched_state("toy", tmp_path / "toy").endswith("of 8 files")
    server.bandwidth = None
    get()
    assert here(tmp_path) == RECORDS
    assert server.sent < 4 * 90_090 + 1_000 + 4 * 2 * 65_536


# -- the state, without network ----------------------------------------------------------------------------------------


def test_the_state_is_told_without_network(get, entry, server, tmp_path):
    folder = tmp_path / "toy"
    assert fetched_state("toy", folder) == "not fetched"
    folder.mkdir()
    assert fetched_state("toy", folder) == "not fetched"
    (folder / "100.dat").write_text("?")
    assert fetched_state("toy", folder) == "files not fetched by this program"
    get()
    assert fetched_state("toy", folder) == "complete"
    (folder / "100.dat").unlink()
    (folder / "101.dat").write_text("short")
    asked = len(server.asked)
    assert fetched_state("toy", folder) == "6 of 8 files"
    assert len(server.asked) == asked
    assert fetched_state("nothing", folder) == "no download known"


def test_a_fetch_that_did_not_get_far_has_begun(get, server, tmp_path):
    server.files.clear()
    with pytest.raises(InputError):
        get()
    assert fetched_state("toy", tmp_path / "toy") == "begun"
