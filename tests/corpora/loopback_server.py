"""A server on this machine that misbehaves as asked: what a fetch meets in the world, without a network."""

import re
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16


@dataclass
class Fault:
    """How one answer departs from a proper one.

    Attributes
    ----------
    cut : int, optional
        The connection ends after so many bytes of the body.
    status, headers, body
        Sent instead of the proper ones.
    stated : int, optional
        Content-Length in place of the true one.
    ignore_range : bool
        Answers 200 with the whole file.
    chunked : bool
        No Content-Length.
    wrong_range : str
        Content-Range in place of the true one.
    pause : float
        Seconds before the answer.
    """

    cut: int | None = None
    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes | None = None
    stated: int | None = None
    ignore_range: bool = False
    chunked: bool = False
    wrong_range: str = ""
    pause: float = 0


class LoopbackServer:
    """Serves ``{path: bytes}``; a context manager.

    Parameters
    ----------
    files : dict of str to bytes
        Or to anything with a length that gives bytes for a slice.
    bandwidth : float, optional
        Bytes per second, over all connections together.

    Attributes
    ----------
    address : str
        With ``/`` at its end.
    faults : dict of str to list of Fault
        One is used up by each request of that path; path ``"*"`` is for all.
    etags : dict of str to str
        Of the paths that have one; ``validators = False`` leaves out Last-Modified too.
    asked : list of (str, str or None)
        Path and Range of every request.
    sent : int
        Bytes of bodies.
    """

    def __init__(self, files, bandwidth=None):
        self.files, self.bandwidth, self.faults, self.etags, self.asked = files, bandwidth, {}, {}, []
        self.validators, self.sent, self._free_at, self._guard = True, 0, 0.0, threading.Lock()
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_fault(self, path):
        with self._guard:
            waiting = self.faults.get(path) or self.faults.get("*")
            return waiting.pop(0) if waiting else Fault()

    def note(self, path, span):
        with self._guard:
            self.asked.append((path, span))

    def take_turn(self, size):
        """Wait until the line is free for so many bytes."""
        with self._guard:
            self.sent += size
            if not self.bandwidth:
                return
            now = time.monotonic()
            self._free_at = max(self._free_at, now - 0.02) + size / self.bandwidth
            wait = self._free_at - now
        if wait > 0:
            time.sleep(wait)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # who hangs up on a server is what half of the tests are about
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            with suppress(ConnectionError):
                _answer(self, server)

    return Handler


def _answer(request, server):
    path = request.path.lstrip("/")
    server.note(path, request.headers.get("Range"))
    fault = server.next_fault(path)
    time.sleep(fault.pause)
    content = fault.body if fault.body is not None else server.files.get(path)
    if content is None:
        return _send(request, server, 404, {}, b"no such file", Fault())
    headers = _versions(server, path) | {"Content-Type": "application/octet-stream"}
    first = _first(request, headers, len(content), fault)
    status = fault.status or (206 if first else 200)
    if first:
        headers["Content-Range"] = fault.wrong_range or f"bytes {first}-{len(content) - 1}/{len(content)}"
        if first >= len(content):
            return _send(request, server, 416, {"Content-Range": f"bytes */{len(content)}"}, b"", Fault())
    return _send(request, server, status, headers | fault.headers, content, fault, first)


def _versions(server, path):
    found = {"ETag": server.etags[path]} if path in server.etags else {}
    return found | (
        {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"} if server.validators and not found else {}
    )


def _first(request, headers, size, fault):
    match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    condition = request.headers.get("If-Range")
    stale = condition not in (None, headers.get("ETag"), headers.get("Last-Modified"))
    return 0 if not match or stale or fault.ignore_range else int(match[1])


def _send(request, server, status, headers, content, fault, first=0):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    if fault.chunked:
        request.send_header("Connection", "close")
    else:
        request.send_header(
            "Content-Length", str(len(content) - first if fault.stated is None else fault.stated)
        )
    request.end_headers()
    end = len(content) if fault.cut is None else min(first + fault.cut, len(content))
    for start in range(first, end, PIECE):
        piece = content[start : min(start + PIECE, end)]
        server.take_turn(len(piece))
        request.wfile.write(piece)
    if fault.cut is not None or fault.chunked or fault.stated is not None:
        request.close_connection = True
