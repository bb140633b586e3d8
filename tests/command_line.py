"""What tests of the command line share besides the fixture `ecgrepro`."""


def refused(outcome, *parts):
    """One message on standard error that has all parts, and no traceback."""
    status, out, err = outcome
    assert status == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err
