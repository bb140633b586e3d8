"""From a publisher's files to a `Corpus`: checked record by record, resumable, nothing dropped in silence.

How a corpus comes to be on disk, whole or not at all, is told in `corpus_writer`. Several processes read, decode,
check and hash side by side; one appends what they give, in the publisher's order, so that the corpus is the same
for any number of processes.
"""

import multiprocessing
import shutil
import sys
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.corpus_unit import read_unit
from ecgrepro.corpora.corpus_writer import CorpusWriter, partial_folder
from ecgrepro.corpora.registry import data_set, open_reader
from ecgrepro.errors import DiskError, SettingsError


def ingest(name, source, out, *, progress=True, jobs=1, **options):
    """Ingest a data set into a corpus folder, or open the corpus that is there already.

    Parameters
    ----------
    name : str
        A name of the registry.
    source, out : str or Path
        The publisher's files; the corpus folder to make.
    progress : bool
        Show a bar on standard error.
    jobs : int
        Processes that read; with 1, this one. Each holds one unit in memory, and one more waits to be written.
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
        Too little space, told before anything is written; a disk that filled up meanwhile, or a process that the
        machine ended: what was ingested stays, and the same call goes on from there.
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
        if min(_check_jobs(jobs), len(missing)) > 1:
            ready = _read_side_by_side((name, source, options), missing, min(jobs, len(missing)))
        else:
            ready = (read_unit(reader, unit) for unit in missing)
        for unit in tqdm(
            ready, f"ingest {name}", len(missing), unit="unit", disable=not progress, file=sys.stderr
        ):
            writer.append(unit)
        return writer.finish(data_set(name))


def _check_jobs(jobs):
    if jobs < 1:
        raise SettingsError("jobs", "a whole number of at least 1", str(jobs), "1 reads in this process.")
    return jobs


def _same(corpus, identity):
    present = {key: corpus.manifest[key] for key in identity}
    if present != identity:
        raise SettingsError(
            corpus.path, f"no corpus, or one of {identity}", str(present), "Choose another --out."
        )
    return corpus


def _read_side_by_side(opened, names, jobs):
    """Yield `CorpusUnit`s in the order of `names`; `opened` is what `open_reader` takes: name, source, options."""
    # a fresh interpreter per process: one that is forked from a program with threads may hang
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _open, opened)
    try:
        yield from _in_order(pool, names, jobs + 1)
    except BrokenProcessPool as error:
        fix = "What is done stays: run the same command again, with fewer --jobs where memory is short."
        raise DiskError("ingest", f"{jobs} processes that run to their end", str(error), fix) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool, names, ahead):
    """Yield results in the order of `names`, at most `ahead` of them begun before they are asked for."""
    waiting, names = deque(), iter(names)
    for name in names:
        waiting.append(pool.submit(_read, name))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _open(name, source, options):
    # one reader per process: some hold an open archive, which does not travel
    global _reader
    _reader = open_reader(name, source, **options)


def _read(unit):
    return read_unit(_reader, unit)


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
