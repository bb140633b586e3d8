"""From a publisher's files to a `Corpus`: checked record by record, resumable, nothing dropped in silence.

How a corpus comes to be on disk, whole or not at all, is told in `corpus_writer`.
"""

import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.corpus_writer import CorpusWriter, partial_folder
from ecgrepro.corpora.registry import data_set, open_reader
from ecgrepro.errors import DiskError, InputError, SettingsError


def ingest(name, source, out, *, progress=True, **options):
    """Ingest a data set into a corpus folder, or open the corpus that is there already.

    Parameters
    ----------
    name : str
        A name of the registry.
    source, out : str or Path
        The publisher's files; the corpus folder to make.
    progress : bool
        Show a bar on standard error.
    options
        The data set's own (label revision, number of patients).

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        A wrong folder or label file, or no usable record at all. A damaged record is quarantined instead.
    SettingsError
        An unknown data set or option, `out` taken by something else, or an unfinished ingest of another kind.
    DiskError
        Too little space, told before anything is written; or a disk that filled up meanwhile: what was ingested
        stays, and the same call goes on from there.
    """
    out = Path(out)
    reader = open_reader(name, source, **options)
    identity = {"data_set": name, "options": reader.options}
    if (out / "manifest.json").exists():
        return _same(Corpus(out), identity)
    units = reader.units()
    require_space(out, reader.size())
    with CorpusWriter(out, identity | {"source": Path(source).absolute().name}) as writer:
        missing = [unit for unit in units if unit not in writer.done]
        for unit in tqdm(missing, desc=f"ingest {name}", unit="unit", disable=not progress, file=sys.stderr):
            writer.add(unit, _read(reader, unit))
        return writer.finish(data_set(name))


def _same(corpus, identity):
    present = {key: corpus.manifest[key] for key in identity}
    if present != identity:
        raise SettingsError(
            corpus.path, f"no corpus, or one of {identity}", str(present), "Choose another --out."
        )
    return corpus


def _read(reader, unit):
    try:
        return reader.read(unit), None
    except InputError as error:
        return [], str(error)


def require_space(path, needed):
    """Raise `DiskError` unless the disk under `path` has `needed` bytes and a tenth free.

    What an interrupted run left beside `path` counts as free.
    """
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    present = sum(shard.stat().st_size for shard in partial_folder(path).glob("signal-*.int16"))
    free = shutil.disk_usage(folder).free + present
    if free < needed * 1.1:
        raise DiskError(folder, f"{needed * 1.1 / 1e6:,.0f} MB free", f"{free / 1e6:,.0f} MB",
                        "Free some space or choose another --out.")  # fmt: skip
