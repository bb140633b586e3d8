import os

import pytest

from ecgrepro.training.trial_process import RETURNED, TrialProcess, pack, unpack
from tests.training.children import tell_process


@pytest.fixture
def process():
    made = TrialProcess()
    yield made
    made.end()


def test_a_process_serves_one_owner_and_another_gets_a_new_one(process):
    # what has been loaded and opened there is as old as the process
    def ask(owner):
        kind, body = process.call(pack(tell_process), print, lambda: False, owner)
        assert kind == RETURNED
        return unpack(kind, body)

    first, same, other = ask("one"), ask("one"), ask("other")
    assert first == same != other
    assert os.getpid() not in (first, other)
