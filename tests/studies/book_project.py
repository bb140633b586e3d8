"""A small repository with a front page, one notebook and the book's real style: what `build` is tried on."""

import shutil
from pathlib import Path

import jupytext

REPOSITORY = Path(__file__).parents[2]
TEXT = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A small study

[![Open in Colab](https://example.org/badge.svg)](https://example.org/study) A formula, $x^2$.

```{code-cell} ipython3
:tags: [parameters]

scale = "demo"
fail = False
```

```{code-cell} ipython3
import sys
assert not fail, "failed on purpose"
print("scale is", scale)
print("50%|#####     |\\rsomething odd", file=sys.stderr)
```
"""
INDEX = """# Front page

{{ total }} claims.

{{ verdict_figure('How to read it.') }}

{{ ledger_table('resnet1d') }}
"""
TOC = "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/study\n  - file: book/references\n"


def make_project(root):
    """Write the repository into the folder `root` and return it."""
    (root / "notebooks").mkdir(parents=True)
    (root / "ecgrepro").mkdir()
    (root / "ecgrepro" / "module.py").write_text("x = 1\n")
    (root / "_toc.yml").write_text(TOC)
    shutil.copy(REPOSITORY / "_config.yml", root)
    shutil.copytree(REPOSITORY / "book" / "_static", root / "book" / "_static")
    shutil.copy(REPOSITORY / "book" / "references.bib", root / "book")
    shutil.copy(REPOSITORY / "book" / "references.md", root / "book")
    (root / "book" / "index.md").write_text(INDEX)
    write_notebook(root, TEXT)
    return root


def write_notebook(root, text):
    """Write the notebook's text source and its pair."""
    (root / "notebooks" / "study.md").write_text(text)
    jupytext.write(jupytext.reads(text, fmt="md:myst"), root / "notebooks" / "study.ipynb")
