"""Pictures of real recordings on a page: committed PNG files, folded away by corpus."""

import base64
import json
from html import escape
from pathlib import Path

from IPython.display import HTML


def gallery(folder):
    """Show the pictures that ``pictures.json`` lists: HTML with one part to unfold per corpus, the first one open.

    Parameters
    ----------
    folder : str or Path
        With ``pictures.json`` (corpus to list of ``file``, ``class``, ``name``) and the files.
    """
    folder = Path(folder)
    listed = json.loads((folder / "pictures.json").read_text())
    return HTML(
        "\n".join(_part(folder, name, found, i == 0) for i, (name, found) in enumerate(listed.items()))
    )


def _part(folder, name, entries, is_open):
    pictures = "\n".join(_picture(folder / entry["file"], f"{name}: {entry['name']}") for entry in entries)
    classes = ", ".join(entry["name"] for entry in entries)
    opened = " open" if is_open else ""
    return f"<details{opened}><summary><b>{escape(name)}</b>: {escape(classes)}</summary>\n{pictures}\n</details>"


def _picture(path, words):
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(words)}" style="width:100%" src="data:image/png;base64,{data}">'
