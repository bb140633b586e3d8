"""The repository's public address: one setting, written literally wherever a link cannot be computed.

    python -m ecgrepro.address                                   prints it, and the files that carry it
    python -m ecgrepro.address https://github.com/OWNER/NAME     sets it, everywhere at once

Badges, the book's launch buttons and the citation are read by others before any of our code runs, so the address
stands in them as text. `tests/test_frame.py` fails when two places disagree.
"""

import re
import sys
from pathlib import Path

from ecgrepro.errors import SettingsError

REPOSITORY = "https://github.com/ADDRESS-NOT-SET/ecgrepro"
BRANCH = "main"

_GITHUB = re.compile(r"https://github\.com/(?P<slug>[A-Za-z0-9-]+/[A-Za-z0-9._-]+)")
_FIXED_PLACES = ("ecgrepro/address.py", "README.md", "CITATION.cff", "_config.yml", "pyproject.toml")


def slug(repository=REPOSITORY):
    """`OWNER/NAME` of a GitHub address; `SettingsError` where it is no such address.

    Colab opens notebooks from GitHub only, which is why no other host is admitted.
    """
    match = _GITHUB.fullmatch(repository.removesuffix("/").removesuffix(".git"))
    if match is None:
        raise SettingsError(
            "repository address",
            "https://github.com/OWNER/NAME",
            repr(repository),
            "Give the address that a browser shows.",
        )
    return match["slug"]


def is_set(repository=REPOSITORY):
    """Whether a real address has been entered."""
    return not slug(repository).startswith("ADDRESS-NOT-SET/")


def colab_link(notebook, repository=REPOSITORY):
    """The link that opens `notebooks/NAME.ipynb` of the public repository in Colab."""
    return f"https://colab.research.google.com/github/{slug(repository)}/blob/{BRANCH}/notebooks/{notebook}.ipynb"


def places(root):
    """Files that carry the address as text, relative to `root`: the fixed ones and every notebook."""
    root = Path(root)
    notebooks = [path for suffix in ("md", "ipynb") for path in root.glob(f"notebooks/*.{suffix}")]
    return sorted([root / name for name in _FIXED_PLACES] + notebooks)


def set_address(root, new, old=REPOSITORY):
    """Write the address `new` in place of `old` in every place; returns the files changed.

    Nothing is written when a place lacks the old address: they would disagree afterwards (`SettingsError`).
    """
    old_slug, new_slug = slug(old), slug(new)
    texts = {path: path.read_text(encoding="utf-8") for path in places(root)}
    for path, text in texts.items():
        if old_slug not in text:
            raise SettingsError(
                path, f"the address {old_slug}", "no such text", "Put it right by hand first."
            )
    for path, text in texts.items():
        path.write_text(text.replace(old_slug, new_slug), encoding="utf-8")
    return list(texts)


def main(arguments):
    """Print the address, or set it when one argument is given."""
    root = Path(__file__).resolve().parents[1]
    if not arguments:
        print(REPOSITORY, *places(root), sep="\n")
        return 0
    try:
        changed = set_address(root, arguments[0])
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{slug(arguments[0])} written in {len(changed)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
