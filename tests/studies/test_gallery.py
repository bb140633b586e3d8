import base64
import json

import pytest

from ecgrepro.studies.gallery import gallery


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.png").write_bytes(b"first")
    (tmp_path / "b.png").write_bytes(b"second")
    listed = {"cinc2017": [{"file": "a.png", "class": "N", "name": "normal <rhythm>"}],
              "svdb": [{"file": "b.png", "class": "PVC", "name": "ventricular"}]}  # fmt: skip
    (tmp_path / "pictures.json").write_text(json.dumps(listed))
    return tmp_path


def test_every_picture_is_embedded_with_words_for_those_who_cannot_see_it(folder):
    html = gallery(folder).data
    for content in (b"first", b"second"):
        assert f"data:image/png;base64,{base64.b64encode(content).decode()}" in html
    assert 'alt="cinc2017: normal &lt;rhythm&gt;"' in html


def test_one_part_per_corpus_and_the_first_is_open(folder):
    html = gallery(folder).data
    assert html.count("<details open>") == 1
    assert html.index("<details open><summary><b>cinc2017") < html.index("<details><summary><b>svdb")
