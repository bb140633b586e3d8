"""Finds what a built page would fetch from the network: a reader without one must miss nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

#: Attribute through which a tag makes the browser fetch something.
_FETCHING = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "track": ("src",), "embed": ("src",), "object": ("data",),
    "input": ("src",), "image": ("href", "xlink:href"), "use": ("href", "xlink:href"), "base": ("href",),
}  # fmt: skip
#: Kinds of <link> that only point somewhere.
_POINTING = {"canonical", "alternate", "next", "prev", "author", "license", "index", "search", "help", "me"}
_REMOTE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
_IN_SCRIPT = re.compile(
    r"(?:\bimport\s*\(?|\bfrom|\brequire\(\s*\[?|\bfetch\(|\.src\s*=|importScripts\()\s*"
    r"[\"'`]((?:https?:)?//[^\"'`\s]+)"
)


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.inside = [], None

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        self.inside = tag if tag in ("style", "script") else None
        for name in _FETCHING.get(tag, ()):
            self.found += [part for part in attributes.get(name, "").split(",") if _REMOTE.match(part)]
        if tag == "link" and not set(attributes.get("rel", "").lower().split()) <= _POINTING:
            self.found += [attributes["href"]] if _REMOTE.match(attributes.get("href", "")) else []
        self.found += _IN_STYLE.findall(attributes.get("style", ""))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.found += (_IN_STYLE if self.inside == "style" else _IN_SCRIPT).findall(data)


def external_resources(html_dir):
    """What the pages under `html_dir` would load from elsewhere, as a sorted list of (file, address).

    Scripts, styles, fonts, pictures, frames and hints to fetch them; addresses in inline scripts where they are
    imported. Links that a reader may click are none of these.
    """
    html_dir = Path(html_dir)
    found = set()
    for path in html_dir.rglob("*.html"):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        found |= {(str(path.relative_to(html_dir)), address.strip()) for address in page.found}
    for path in html_dir.rglob("*.css"):
        addresses = _IN_STYLE.findall(path.read_text(encoding="utf-8"))
        found |= {(str(path.relative_to(html_dir)), address) for address in addresses}
    return sorted(found)
