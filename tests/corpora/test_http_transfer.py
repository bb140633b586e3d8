"""One file over HTTP: what arrives is the file, whatever the server does on the way, and nothing is fetched twice."""

import hashlib
import json
import os
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgrepro.corpora import http_transfer
from ecgrepro.corpora.http_answer import TransferError
from ecgrepro.corpora.http_transfer import Session, Stopped, Transfer, discard, note_of
from ecgrepro.errors import DiskError
from tests.corpora.loopback_server import Fault, LoopbackServer

DATA = os.urandom(3_000_000)
OTHER = os.urandom(3_000_000)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(http_transfer, "BACKOFF", 0.001)
    monkeypatch.setattr(http_transfer, "LONGEST_WAIT", 0.01)


@pytest.fixture
def server():
    with LoopbackServer({"file": DATA}) as server:
        yield server


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


@pytest.fixture
def transfer(server, part):
    """A function that runs a transfer of ``file`` and returns it."""
    session = Session()

    def run(**options):
        url = options.pop("url", server.address + "file")
        options = {"hosts": {urlsplit(server.address).netloc}, "limit": 10_000_000} | options
        done = Transfer(url, part, session, **options)
        done.run()
        return done

    yield run
    session.close()


def test_brings_the_file(transfer, part):
    assert transfer().received == len(DATA)
    assert part.read_bytes() == DATA


def test_goes_on_after_every_broken_connection(server, transfer, part):
    server.faults["file"] = [Fault(cut=250_000)] * 10
    assert transfer().received == len(DATA)
    assert part.read_bytes() == DATA
    assert server.asked[3] == ("file", "bytes=750000-")
    assert server.sent == len(DATA)


def test_goes_on_with_what_an_earlier_process_left(server, transfer, part):
    server.faults["file"] = [Fault(cut=1_000_000)] + [Fault(status=500)] * 10
    with pytest.raises(TransferError, match="500 .* times in a row"):
        transfer()
    server.faults.clear()
    assert transfer().received == len(DATA) - 1_000_000
    assert part.read_bytes() == DATA


def test_a_whole_part_file_is_not_asked_for_again(server, transfer, part):
    transfer()
    assert transfer().received == 0
    assert len(server.asked) == 1


def test_a_server_that_ignores_the_range_is_taken_from_the_beginning(server, transfer, part):
    server.faults["file"] = [Fault(cut=1_000_000), Fault(ignore_range=True)]
    changes = []
    transfer(advance=changes.append)
    assert part.read_bytes() == DATA
    assert sum(changes) == len(DATA)
    assert min(changes) == -1_000_000


@pytest.mark.parametrize("versioned", [True, False])
def test_a_file_that_changed_meanwhile_is_never_joined(server, transfer, part, versioned):
    server.validators = versioned
    if versioned:
        server.etags["file"] = '"first"'

    def change():
        server.files["file"] = OTHER
        server.etags.update({"file": '"second"'} if versioned else {})
        return Fault()

    server.next_fault = lambda path: Fault(cut=1_000_000) if len(server.asked) == 1 else change()
    transfer()
    assert part.read_bytes() == OTHER


def test_a_changed_file_behind_a_server_that_overlooks_if_range_is_never_joined(server, transfer, part):
    server.etags["file"] = '"first"'
    server.faults["file"] = [Fault(cut=1_000_000), Fault(status=206, headers={"ETag": '"second"'})]
    transfer()
    assert part.read_bytes() == DATA
    assert server.asked[2] == ("file", None)


def test_a_changed_length_is_never_joined(server, transfer, part):
    server.faults["file"] = [Fault(cut=1_000_000), Fault(wrong_range="bytes 1000000-2999999/3000001")]
    transfer()
    assert part.read_bytes() == DATA
    assert server.asked[2] == ("file", None)


@pytest.mark.parametrize("wrong", ["bytes 999999-2999998/3000000", "rubbish", "bytes 1000000-2999999/*"])
def test_a_range_that_was_not_asked_for_is_not_written(server, transfer, part, wrong):
    server.faults["file"] = [Fault(cut=1_000_000), Fault(wrong_range=wrong)]
    transfer()
    assert part.read_bytes() == DATA


def test_without_a_version_only_a_file_with_a_checksum_is_resumed(server, transfer, part):
    server.validators = False
    server.faults["file"] = [Fault(cut=1_000_000)]
    assert transfer().received == len(DATA) + 1_000_000
    discard(part)
    server.faults["file"] = [Fault(cut=1_000_000)]
    assert transfer(judged=True).received == len(DATA)
    assert part.read_bytes() == DATA


def test_a_weak_etag_is_no_version(server, transfer, part):
    server.etags["file"] = 'W/"first"'
    server.faults["file"] = [Fault(cut=1_000_000)]
    assert transfer().received == len(DATA) + 1_000_000


def test_the_part_of_another_address_is_not_gone_on_with(server, transfer, part):
    server.files["copy"] = OTHER
    transfer(url=server.address + "copy")
    transfer()
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("note", ["", "[]", "{", '{"url": 3}', '{"total": "x"}', "\udcff"])
def test_a_damaged_note_means_a_new_beginning(transfer, part, note):
    part.write_bytes(OTHER[:1000])
    note_of(part).write_bytes(note.encode("utf-8", "surrogateescape"))
    transfer()
    assert part.read_bytes() == DATA


def test_a_part_longer_than_the_file_means_a_new_beginning(server, transfer, part):
    part.write_bytes(DATA + b"more")
    note_of(part).write_text(json.dumps({"url": server.address + "file", "total": None, "modified": "x"}))
    transfer()
    assert part.read_bytes() == DATA


def test_a_range_behind_the_end_means_a_new_beginning(server, transfer, part):
    part.write_bytes(OTHER + b"12")
    modified = "Wed, 21 Oct 2015 07:28:00 GMT"
    note_of(part).write_text(json.dumps({"url": server.address + "file", "modified": modified}))
    transfer()
    assert [span for _, span in server.asked] == ["bytes=3000002-", None]
    assert part.read_bytes() == DATA


def test_a_body_without_length_is_taken_to_its_end(server, transfer, part):
    server.faults["file"] = [Fault(chunked=True)]
    transfer()
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("stated", [4_000_000, 3_000_001])
def test_fewer_bytes_than_stated_are_asked_for_again(server, transfer, part, stated):
    server.faults["file"] = [Fault(stated=stated)]
    transfer()
    assert part.read_bytes() == DATA


def test_another_size_than_the_registered_one_is_refused(server, transfer):
    with pytest.raises(TransferError, match="a file of 3,000,000 bytes instead of 3,000,001"):
        transfer(size=3_000_001)
    server.faults["file"] = [Fault(chunked=True)]
    with pytest.raises(TransferError, match="a file of 3,000,000 bytes instead of 3,000,001"):
        transfer(size=3_000_001)


def test_too_many_bytes_are_refused_before_or_while_they_come(server, transfer, part):
    with pytest.raises(TransferError, match="more than the 1,000,000 that it may have"):
        transfer(limit=1_000_000)
    assert not part.exists()
    server.faults["file"] = [Fault(chunked=True)]
    with pytest.raises(TransferError, match="more than the 1,000,000 bytes"):
        transfer(limit=1_000_000)
    assert part.stat().st_size <= 1_000_000


@pytest.mark.parametrize("fault", [
    Fault(headers={"Content-Type": "text/html; charset=utf-8"}),
    Fault(body=b"\n <!DOCTYPE html><p>Log in"),
    Fault(body=b"<HTML>busy</HTML>"),
])  # fmt: skip
def test_a_web_page_is_no_data(server, transfer, part, fault):
    server.faults["file"] = [fault]
    with pytest.raises(TransferError, match="an HTML page instead of the file"):
        transfer()
    assert not part.exists() or not part.stat().st_size


def test_a_body_in_a_coding_that_was_not_asked_for_is_refused(server, transfer):
    server.faults["file"] = [Fault(headers={"Content-Encoding": "gzip"})]
    with pytest.raises(TransferError, match="content coding"):
        transfer()


@pytest.mark.parametrize("status", [401, 403, 404, 410, 204, 300])
def test_a_refusal_is_not_asked_again(server, transfer, status):
    server.faults["file"] = [Fault(status=status)]
    with pytest.raises(TransferError, match=f"HTTP {status}"):
        transfer()
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_asked_again(server, transfer, part, status):
    server.faults["file"] = [Fault(status=status, headers={"Retry-After": "3"})] * 3
    transfer()
    assert part.read_bytes() == DATA


def test_retries_are_bounded(server, transfer):
    server.faults["file"] = [Fault(cut=10)] * 100
    with pytest.raises(TransferError, match="IncompleteRead.* 6 times in a row"):
        transfer()
    assert len(server.asked) == http_transfer.ATTEMPTS


def test_waits_grow_and_differ_and_are_bounded(monkeypatch, part):
    waits = []
    monkeypatch.setattr(http_transfer, "BACKOFF", 1.0)
    monkeypatch.setattr(http_transfer, "LONGEST_WAIT", 60.0)
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", waits.append)
    paused = Transfer("http://x/", part, None, hosts=(), limit=1, stop=stop)
    for failures in range(1, 12):
        paused._pause(failures, 0)
    paused._pause(1, 1e9)
    assert all(0.5 * 2**i <= wait <= 2**i for i, wait in enumerate(waits[:6]))
    assert max(waits) == waits[-1] == 60
    assert len(set(waits)) > 10


def test_a_redirect_to_a_registered_host_is_followed(server, transfer, part):
    server.faults["moved"] = [Fault(body=b"", status=302, headers={"Location": "/file"})]
    transfer(url=server.address + "moved")
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("location", [
    "http://evil.example/file", "https://evil.example/file", "//evil.example/file", "ftp://127.0.0.1/file", "http://[::1/",
    "", "file:///etc/passwd",
])  # fmt: skip
def test_a_redirect_off_the_registered_hosts_is_refused(server, transfer, location):
    server.faults["file"] = [Fault(status=302, headers={"Location": location})] * 9
    with pytest.raises(TransferError, match="redirect"):
        transfer()


def test_the_refused_redirect_names_both_hosts(server, transfer):
    server.faults["file"] = [Fault(status=302, headers={"Location": "https://evil.example/file"})]
    with pytest.raises(
        TransferError, match=r"from 127.0.0.1:\d+ to https://evil.example, .* \(127.0.0.1:\d+\)"
    ):
        transfer()


def test_the_body_of_a_redirect_is_not_read(server, transfer, part):
    server.faults["moved"] = [Fault(body=bytes(50_000_000), status=302, headers={"Location": "/file"})]
    transfer(url=server.address + "moved")
    assert part.read_bytes() == DATA
    assert server.sent < 20_000_000


def test_a_redirect_in_a_circle_ends(server, transfer):
    server.faults["file"] = [Fault(status=301, headers={"Location": "/file"})] * 50
    with pytest.raises(TransferError, match="more than 5 redirects"):
        transfer()


def test_no_server_is_told_in_one_line(transfer):
    with pytest.raises(TransferError, match="refused.* 6 times in a row") as refused:
        transfer(url="http://127.0.0.1:9/file")
    assert "\n" not in str(refused.value)


def test_a_connection_that_is_not_safe_is_not_tried_again(server, transfer):
    with pytest.raises(TransferError, match="no safe connection .*certificates"):
        transfer(url=server.address.replace("http", "https") + "file")


def test_silence_is_a_broken_connection(server, transfer, part, monkeypatch):
    monkeypatch.setattr(http_transfer, "TIMEOUT", (1, 0.1))
    server.faults["file"] = [Fault(pause=0.5)]
    transfer()
    assert part.read_bytes() == DATA


def test_a_trickle_is_a_broken_connection(server, transfer, part, monkeypatch):
    monkeypatch.setattr(http_transfer, "OVER", 1e-9)
    monkeypatch.setattr(http_transfer, "SLOWEST", 1e30)
    monkeypatch.setattr(http_transfer, "PROGRESS", 1 << 30)
    with pytest.raises(TransferError, match="bytes per second"):
        transfer()


def test_stops_when_asked_and_goes_on_later(server, transfer, part):
    stop = threading.Event()
    with pytest.raises(Stopped):
        transfer(stop=stop, advance=lambda change: stop.set())
    kept = part.stat().st_size
    assert 0 < kept < len(DATA)
    with pytest.raises(Stopped):
        transfer(stop=stop)
    assert transfer().received == len(DATA) - kept
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(DATA).digest()


def test_a_disk_that_takes_no_more_is_told(server, part, transfer):
    part.mkdir()
    with pytest.raises(DiskError, match="goes on where it stopped"):
        transfer()


@pytest.fixture
def raw_server():
    """A function that makes a server answer every request with these bytes, and gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answer = {}

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(4_096)
                        connection.sendall(answer["bytes"])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def say(data):
            answer["bytes"] = data
            return f"http://127.0.0.1:{listening.getsockname()[1]}/"

        yield say
        # wakes the thread that waits for the next request
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


WHOLE = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\nETag: "a"\r\nLocation: /b\r\nRetry-After: 1\r\n\r\n'
    + bytes(range(40))
)


@settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
    st.sampled_from([b"200", b"206", b"301", b"416", b"503"]),
    st.booleans(),
)
def test_any_answer_is_a_file_or_a_transfer_error(raw_server, part, changes, status, begun):
    data = bytearray(WHOLE.replace(b"200", status))
    for place, value in changes:
        data[place] = value
    address = raw_server(bytes(data))
    discard(part)
    if begun:
        part.write_bytes(b"12345")
        note_of(part).write_text(json.dumps({"url": address + "file", "total": 40, "etag": '"a"'}))
    with pytest.MonkeyPatch.context() as patched, Session() as session, suppress(TransferError):
        patched.setattr(http_transfer, "ATTEMPTS", 2)
        patched.setattr(http_transfer, "TIMEOUT", (1, 0.2))
        Transfer(address + "file", part, session, hosts={urlsplit(address).netloc}, limit=1_000).run()
    assert not part.exists() or part.stat().st_size <= 1_000
