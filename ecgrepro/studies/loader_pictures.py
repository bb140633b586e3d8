"""Lead II of a Georgia recording as it is, and what the project's net trained on Georgia alone was shown in its place.

    python -m ecgrepro.studies.loader_pictures FOLDER    # of the Challenge as published: makes the picture anew

The project read 12 rows of 5,000 samples with ``.reshape(5000, 12)`` where ``.T`` was meant
(`ecgrepro.frames.loader_artefacts.reshaped`, X-14). The picture of a real recording is committed, the recording is not.
"""

import base64
import sys
from html import escape

import numpy as np

from ecgrepro import paths
from ecgrepro.corpora.challenge import Reader
from ecgrepro.errors import InputError
from ecgrepro.frames.loader_artefacts import reshaped
from ecgrepro.frames.twelve_leads import LEADS, lead_order
from ecgrepro.studies.data_results import write_picture
from ecgrepro.studies.ecg_paper import INK, LEFT, PAPER, SPEED, draw_ecg_paper
from ecgrepro.studies.figures import Html, nothing
from ecgrepro.studies.ptbxl_transfer import STUDY

SECONDS = 10
#: Where the recording comes from and what it may be used for, below the picture.
SOURCE = "PhysioNet/CinC Challenge 2020, Georgia 12-lead ECG Challenge Database, CC BY 4.0"
_EXPLAINED = (
    "Below: the second column after .reshape, which is all leads in turn, every twelfth sample of each."
)


def picture_path():
    """Where the committed picture lies."""
    return paths.results("pilot", STUDY) / "pictures" / "lead_ii.png"


def draw_loader(millivolts, fs, *, title, synthetic=False, notes=()):
    """Draw lead II on ECG paper, and below it the second column after the project's reshape. Returns the figure.

    Parameters
    ----------
    millivolts : float array, (n_samples, 12)
        In the standard order of leads; the first `SECONDS` are shown.
    fs : float
        Sampling rate in Hz.
    title : str
    synthetic : bool
        Watermarks the picture.
    notes : sequence of str
        Lines below the paper.

    Raises
    ------
    InputError
        Another number of leads, or a recording shorter than `SECONDS`.
    """
    n_samples = round(SECONDS * fs)
    values = np.asarray(millivolts)
    if values.ndim != 2 or values.shape[1] != len(LEADS) or len(values) < n_samples:
        raise InputError("recording", f"{n_samples} samples of {len(LEADS)} leads", str(values.shape),
                         "Choose a recording that is long enough.")  # fmt: skip
    values, column = values[:n_samples], LEADS.index("II")
    both = np.stack([values[:, column], reshaped(values)[:, column]], axis=1)
    made = draw_ecg_paper(both, fs, ["II", "II, reshaped"], seconds=SECONDS,
                          title=title, synthetic=synthetic, notes=[*notes, _EXPLAINED])  # fmt: skip
    _name_stretches(made.axes[0])
    return made


def _name_stretches(ax):
    """Write below each twelfth of the lower strip which lead it is of."""
    width = SECONDS * SPEED / len(LEADS)
    for place, name in enumerate(LEADS):
        x = LEFT + place * width
        ax.plot([x, x], [0, 2.5], color=INK, linewidth=0.9, zorder=4)
        ax.text(x + 1, 0.8, name, fontsize=8, va="bottom", zorder=4,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.85})  # fmt: skip


def draw_first(source):
    """Draw the first recording of Georgia, by name, that lasts long enough: chosen by no look at it.

    Parameters
    ----------
    source : str or Path
        Folder of the Challenge as published.

    Raises
    ------
    InputError
        No such recording.
    """
    reader = Reader("georgia", source)
    for unit in reader.units():
        (record,) = reader.read(unit)
        if len(record.signal) >= SECONDS * record.fs and len(record.leads) == len(LEADS):
            order = lead_order(record.leads, unit)
            gain, baseline = np.asarray(record.gain)[order], np.asarray(record.baseline)[order]
            millivolts = (record.signal[:, order] - baseline) / gain
            return draw_loader(millivolts, record.fs, title=f"Georgia {unit}", notes=[SOURCE])
    raise InputError(
        source, f"a recording of Georgia of {SECONDS} s", "none", "Give the folder of the Challenge."
    )


def write_loader_picture(source):
    """Draw `draw_first` and write it where the page looks for it; returns the path."""
    path = picture_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(draw_first(source), path)
    return path


def committed_picture():
    """The committed picture as HTML, or a note that there is none."""
    path = picture_path()
    if not path.exists():
        return nothing()
    words = f"Lead II of a recording as it is, and after the project's reshape. {SOURCE}."
    data = base64.b64encode(path.read_bytes()).decode()
    return Html(f'<img alt="{escape(words)}" style="width:100%" src="data:image/png;base64,{data}">')


if __name__ == "__main__":
    print(write_loader_picture(sys.argv[1]))
