"""Finds results typed into prose: a number that a reader takes for a finding must be computed or bound.

Looked at: prose of `book/*.md` and the text cells of `notebooks/*.md`. Left alone: code cells and code fences, inline
code, roles (`{role}` with its text), formulas, Jinja expressions, link targets and addresses, HTML tags, comments and
YAML headers. Whatever is a setting and not a result is phrased in words or set in inline code.
"""

import re
from pathlib import Path

from ecgrepro.errors import InputError

#: Directives whose body is code, a formula or nothing to read; the body of any other directive is prose.
CODE_DIRECTIVES = {
    "code-cell",
    "code",
    "code-block",
    "literalinclude",
    "math",
    "bibliography",
    "raw",
    "eval-rst",
}

_BLANKED = [
    re.compile(pattern, re.DOTALL | re.MULTILINE)
    for pattern in (
        r"\A---\n.*?\n---\n",  # YAML header
        r"<!--.*?-->",
        r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}",  # Jinja
        r"^\+\+\+[^\n]*$|^%[^\n]*$",  # cell breaks and comments of MyST
        r"(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)",  # inline code and the text of roles
        r"\$\$.+?\$\$|(?<![\\$\w])\$(?=\S)[^$\n]+?(?<=\S)\$(?!\w)",  # formulas
        r"\]\([^)\s]*(?:\s+\"[^\"]*\")?\)",  # link targets
        r"^\[[^\]]+\]:[^\n]*$",  # link definitions
        r"<[A-Za-z/!][^>]*>",  # tags and <https://...>
        r"\bhttps?://\S+|\b10\.\d{4,9}/\S+",  # addresses, DOIs
    )
]

_RESULT = re.compile(
    r"""(?<![\w.,/:-])                       # not inside a name, a version or a ratio
    [-+−±]?
    (?:
        \d{1,3}(?:[,\u2009\u202f\u00a0]\d{3})+(?:\.\d+)?   # 8,528
      | \d*\.\d+                             # .731, 6.57
      | \d+(?=[\s\u2009\u202f\u00a0]?%)      # 40 %
      | (?!(?:19|20)\d\d(?!\d))\d{4,}        # 8528, but not the year 2017
    )
    (?![\w]|\.\d)""",
    re.VERBOSE,
)
_FENCE = re.compile(r"^\s*(?P<ticks>`{3,}|~{3,})\s*(?P<info>[^`]*)$")


def typed_results(text):
    """Numbers in prose that look like results, as a list of (line number from 1, the number as typed)."""
    prose = _blank(_without_code_fences(text))
    return [
        (number, match.group().strip())
        for number, line in enumerate(prose.splitlines(), 1)
        for match in _RESULT.finditer(line)
    ]


def check_prose(files):
    """Raise `InputError` naming every result typed into the prose of `files` (Markdown), as FILE:LINE."""
    found = [
        f"{path}:{line}: {number}"
        for path in map(Path, files)
        for line, number in typed_results(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise InputError(
            "prose",
            "no result typed by hand",
            f"{len(found)} number(s):\n  " + "\n  ".join(found),
            "Bind it ({{ claim('ID').published }} in book/, a computed output in a notebook), or, if it is a "
            "setting, say it in words or in `inline code`.",
        )


def _blank(text):
    for pattern in _BLANKED:
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return text


def _without_code_fences(text):
    """`text` with code fences, the fences of directives and directives' options emptied, line for line."""
    kept, code, directives, options = [], None, [], False
    for line in text.splitlines():
        fence = _FENCE.match(line)
        ticks = fence["ticks"] if fence else ""
        info = fence["info"].strip() if fence else ""
        options = options and line.lstrip().startswith(":")
        kept.append("" if fence or code or options else line)
        if code:
            code = None if fence and not info and ticks.startswith(code) else code
        elif fence and not info and directives and ticks.startswith(directives[-1]):
            directives.pop()
        elif fence and _holds_prose(info):
            directives.append(ticks)
            options = True
        elif fence:
            code = ticks
    return "\n".join(kept) + "\n"


def _holds_prose(info):
    directive = re.match(r"\{([\w:-]+)\}", info)
    return directive is not None and directive[1] not in CODE_DIRECTIVES
