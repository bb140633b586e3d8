"""The class report's files: fetched whole, pinned, named when absent, read without running what they name."""

import gzip
import os
import pickle
from collections import namedtuple

import gdown
import numpy as np
import pytest
import requests

from ecgrepro.corpora import class_report
from ecgrepro.corpora import fetch as fetching
from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.corpora.class_report import FILES, HISTORIES, PREDICTIONS, find, link, read_histories, read_runs
from ecgrepro.corpora.downloads import DOWNLOADS
from ecgrepro.corpora.fetch import fetch, fetched_state
from ecgrepro.errors import InputError, SettingsError
from tests.corpora.class_report_files import fabricated_runs, history_lines, write_published

ENTRY = DOWNLOADS["class_report"]
Item = namedtuple("Item", ("id", "path", "local_path"))
SKILLS = {"random": 0.6, "20": 0.9, "1": 0.8}


@pytest.fixture
def folder(tmp_path):
    write_published(tmp_path, runs=fabricated_runs(SKILLS), lines=history_lines({("random", 10): 2}))
    return tmp_path


@pytest.fixture
def drive(monkeypatch):
    """Google Drive without network: what each id holds; folders hold the two files of runs."""
    content = {file.remote: f"content of {file.name}".encode() for file in ENTRY.drive}
    asked = []

    def download(url=None, output=None, quiet=False, use_cookies=True, id=None):
        asked.append(id)
        output.write(content.setdefault(id, f"content of {id}".encode()))

    def download_folder(id, **_):
        return [Item(f"{id}/{name}", name, "") for name in (HISTORIES, PREDICTIONS)]

    monkeypatch.setattr(gdown, "download", download)
    monkeypatch.setattr(gdown, "download_folder", download_folder)
    monkeypatch.setattr(
        fetching, "require_space", lambda folder, needed: None
    )  # 2 GB, as the real files would take
    return content, asked


def test_every_file_of_the_download_is_described_and_no_other():
    names = [file.name for file in (*ENTRY.drive, *ENTRY.drive_folders)]
    assert sorted(file.name for file in FILES) == sorted(names)


def test_all_are_fetched_once_and_pinned(drive, tmp_path):
    content, asked = drive
    folder = tmp_path / "class_report"
    done = fetch("class_report", folder, accept_licence=True, progress=False)
    assert done.new_files == len(ENTRY.drive) + 2 * len(ENTRY.drive_folders)
    assert find(f"resnet1d_predictions/{HISTORIES}", folder).read_bytes().startswith(b"content of 1emWqh")
    assert fetched_state("class_report", folder) == "complete"
    asked.clear()
    assert fetch("class_report", folder, progress=False).received == 0
    assert asked == []
    (folder / "resnet2d_pretrained_88_percent").unlink()
    content["13Lv9ZLW2s9-ABLBIMRiK6NULWoQJ6_7j"] = b"another file"
    with pytest.raises(InputError, match="not the file that was first fetched"):
        fetch("class_report", folder, progress=False)


def test_a_stopped_fetch_goes_on(drive, monkeypatch, tmp_path):
    _, asked = drive
    whole = gdown.download

    def failing(id=None, **options):
        if len(asked) == 3:
            raise KeyboardInterrupt
        whole(id=id, **options)

    monkeypatch.setattr(gdown, "download", failing)
    with pytest.raises(KeyboardInterrupt):
        fetch("class_report", tmp_path / "f", accept_licence=True, progress=False)
    monkeypatch.setattr(gdown, "download", whole)
    fetch("class_report", tmp_path / "f", progress=False)
    assert len(asked) == len(set(asked)) == len(ENTRY.drive) + 2 * len(ENTRY.drive_folders)


def test_without_network_the_folder_and_what_to_do_are_named(monkeypatch, tmp_path):
    def offline(**_):
        raise requests.ConnectionError("Failed to resolve 'drive.google.com'")

    monkeypatch.setattr(gdown, "download_folder", offline)
    with pytest.raises(InputError, match=r"drive/folders/\S+: .*no connection.*in a browser and put it at"):
        fetch("class_report", tmp_path / "f", accept_licence=True, progress=False)


def test_what_is_not_here_is_named_with_its_link_and_place(tmp_path):
    place = tmp_path / "resnet2d_predictions" / HISTORIES
    with pytest.raises(SettingsError, match="no such file") as absent:
        find(f"resnet2d_predictions/{HISTORIES}", tmp_path)
    for part in ("ecgrepro data fetch class_report --accept-licence", f"put what it gives at {place}",
                 "https://drive.google.com/drive/folders/1GwhDdlvUVmJfQfY3slyfiR-ytcuDRQ8X"):  # fmt: skip
        assert part in str(absent.value)


def test_files_and_folders_have_other_links():
    assert (
        link("physionet_test.pkl") == "https://drive.google.com/file/d/10FKjncGOZD6_BBCBbvpBQbWvfCLj88MC/view"
    )
    assert link("cinc2017").endswith("/drive/folders/1lI7lTZltRj_zQtYM1UcidZnSAQilPJSg")
    with pytest.raises(
        SettingsError, match=r"published file: expected one of .*resnet1d_predictions.*; got 'cinc2018'"
    ):
        link("cinc2018")


def test_the_usual_folder_is_where_fetch_puts_them(monkeypatch, tmp_path):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    folder = tmp_path / "_work" / "published" / "class_report"
    write_published(folder, lines=history_lines({("random", 10): 2}))
    assert find(f"resnet1d_predictions/{HISTORIES}").parent.parent == folder
    assert len(read_histories("1-D")) == 3


def test_a_file_put_there_by_hand_is_pinned_when_it_is_first_read(folder):
    path = folder / "resnet1d_predictions" / HISTORIES
    read_histories("1-D", folder)
    os.utime(path)  # the same file, touched
    read_histories("1-D", folder)
    path.write_text("\n".join(history_lines({("random", 10): 3})))
    with pytest.raises(InputError, match="expected the file that was first seen here"):
        read_histories("1-D", folder)


def test_runs_are_read_in_our_order_of_classes_and_sorted_by_arm_and_seed(folder):
    runs, published = read_runs("1-D", folder), fabricated_runs(SKILLS)
    assert [(run.arm, run.seed) for run in runs] == [
        (arm, s) for arm in ("random", "1", "20") for s in (10, 20, 30)
    ]
    run, there = runs[-1], published["20_30"]
    for index, name in enumerate(CLASSES):
        column = there["classes"].index(name)
        np.testing.assert_array_equal(run.labels == index, there["y_true"][:, column] == 1)
        np.testing.assert_array_equal(run.probabilities[:, index], there["y_prob"][:, column])


def test_histories_are_read_with_arms_as_text(folder):
    write_published(folder, "2-D", lines=history_lines({("random", 10): 2, ("88", 10): 4}))
    table = read_histories("2-D", folder)
    assert table.groupby("arm").epoch.max().to_dict() == {"random": 2, "88": 4}
    assert list(table.columns) == list(class_report.COLUMNS.values())


def test_an_unknown_net_is_refused(folder):
    for read in (read_runs, read_histories):
        with pytest.raises(SettingsError, match="net: expected one of 1-D, 2-D; got '3-D'"):
            read("3-D", folder)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_names_a_function_is_refused_and_not_run(tmp_path):
    trap = tmp_path / "made by the pickle"
    write_published(tmp_path, runs={"random_10": Malicious(trap)})
    with pytest.raises(InputError, match=r"forbidden object \w+\.mkdir"):
        read_runs("1-D", tmp_path)
    assert not trap.exists()


def test_a_pickle_that_is_cut_short_or_not_compressed_is_refused(folder):
    path = folder / "resnet1d_predictions" / PREDICTIONS
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], pickle.dumps({}), gzip.compress(b"none")):
        path.write_bytes(data)
        (folder / "checksums.jsonl").unlink(missing_ok=True)
        with pytest.raises(InputError):
            read_runs("1-D", folder)


def changed(run, **values):
    return {"random_10": fabricated_runs({"random": 1.0})["random_10"], "1_10": run | values}


RUN = fabricated_runs({"1": 1.0})["1_10"]


@pytest.mark.parametrize(("content", "expected"), [
    ([1, 2], "a dictionary of runs; got list"),
    ({}, "a dictionary of runs"),
    ({"random-10": RUN}, "entries WEIGHTTYPE_SEED"),
    ({10: RUN}, "entries WEIGHTTYPE_SEED"),
    ({"random_10": {"y_true": RUN["y_true"]}}, "entries WEIGHTTYPE_SEED"),
    (changed(RUN, classes=["A", "N", "O", "P"]), "the classes"),
    (changed(RUN, classes=[["A"], "N", "O", "~"]), "the classes"),
    (changed(RUN, y_true=RUN["y_true"][:, :3]), "two arrays of four columns"),
    (changed(RUN, y_true=RUN["y_true"][:-1]), "two arrays of four columns"),
    (changed(RUN, y_prob=RUN["y_prob"].tolist()), "two arrays of four columns"),
    (changed(RUN, y_prob=RUN["y_prob"][:0], y_true=RUN["y_true"][:0]), "two arrays of four columns"),
    (changed(RUN, y_prob=2 * RUN["y_prob"]), "probabilities of sum 1"),
    (changed(RUN, y_prob=np.nan * RUN["y_prob"]), "probabilities of sum 1"),
    (changed(RUN, y_true=RUN["y_prob"]), "one true class"),
    (changed(RUN, y_true=np.roll(RUN["y_true"], 1, axis=0)), "labels that differ between runs"),
])  # fmt: skip
def test_predictions_of_another_kind_are_refused(tmp_path, content, expected):
    write_published(tmp_path, runs=content)
    with pytest.raises(InputError, match=expected):
        read_runs("1-D", tmp_path)


@pytest.mark.parametrize("lines", [
    ["epoch,seed", "0,10"],
    history_lines({}),
    [*history_lines({("random", 10): 1}), "2,0.5,0.4,nan,0.6,0.9,random,10"],
    [*history_lines({("random", 10): 1}), "2,0.5,0.4,0.1,0.6,0.9,half,10"],
    [*history_lines({("random", 10): 1}), "2,0.5,0.4,0.1,0.6,0.9,,10"],
    [*history_lines({("random", 10): 1}), "two,0.5,0.4,0.1,0.6,0.9,random,10"],
    [*history_lines({("random", 10): 1}), "2,0.5,0.4,text,0.6,0.9,random,10"],
    [""],
])  # fmt: skip
def test_histories_of_another_kind_are_refused(tmp_path, lines):
    write_published(tmp_path, lines=lines)
    with pytest.raises(InputError, match=HISTORIES):
        read_histories("1-D", tmp_path)
