"""What of an HTTP answer is believed: where it may lead, what it may hold, which version of the file it is of."""

import re
from urllib.parse import urljoin, urlsplit

REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})$", re.ASCII)
_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)


class TransferError(Exception):
    """This server does not give the file; another one may."""


class Broken(Exception):
    """This attempt failed, the next one may not; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason, wait=0.0):
        super().__init__(reason)
        self.wait = wait


def redirected(url, location, hosts):
    """Return the address that an answer from `url` leads to; `TransferError` where its host is not in `hosts`."""
    try:
        target = urlsplit(urljoin(url, location))
    except ValueError as error:
        raise TransferError(f"redirect to an impossible address {location[:80]!r}") from error
    # a registered https address may not lead to where anybody on the way can change the answer
    if target.netloc.lower() not in hosts or target.scheme not in ("https", urlsplit(url).scheme):
        known = ", ".join(sorted(hosts))
        raise TransferError(f"redirect from {urlsplit(url).netloc} to {target.scheme}://{target.netloc[:80]}, "
                            f"which is not among the registered hosts ({known})")  # fmt: skip
    return target.geturl()


def refuse_status(response):
    """Raise for a status that is not 200: `Broken` where it may pass, else `TransferError`."""
    reason = f"HTTP {response.status_code} {' '.join((response.reason or '').split())[:60]}".strip()
    if response.status_code not in _PASSING:
        raise TransferError(reason)
    asked = response.headers.get("Retry-After", "")
    raise Broken(reason, float(asked) if re.fullmatch(r"\d{1,6}", asked, re.ASCII) else 0.0)


def refuse_kind(response):
    """Raise `TransferError` for a web page, and for a body in a coding that was not asked for."""
    if response.headers.get("Content-Encoding", "").lower() not in ("", "identity"):
        raise TransferError("a body in a content coding that was not asked for")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise TransferError("an HTML page instead of the file")


def is_html(data):
    """Whether a file that begins with these bytes is a web page: what a portal or a quota answers instead of data."""
    return _HTML.match(data[:1024]) is not None


def length(response):
    """Bytes of the body as announced, or None."""
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def span(response):
    """First byte and file size of a partial answer; -1, None where it does not say them."""
    found = _RANGE.match(response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[3])) if found else (-1, None)


def version(response):
    """What names the version of the file: strong ETag and Last-Modified, each None where not given."""
    etag = response.headers.get("ETag")
    # a weak ETag promises the same meaning, not the same bytes
    return {"etag": None if etag and etag.startswith("W/") else etag,
            "modified": response.headers.get("Last-Modified")}  # fmt: skip


def reason(error):
    """The innermost reason of an error, in one line: requests wraps what urllib3 wraps around what Python raised."""
    while True:
        inner = [
            cause for cause in (getattr(error, "reason", None), *error.args) if isinstance(cause, Exception)
        ]
        if not inner:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        error = inner[0]
