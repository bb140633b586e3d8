import pytest

from ecgrepro.errors import DiskError, EcgreproError, InputError, SettingsError


@pytest.mark.parametrize(
    ("kind", "parent"), [(InputError, ValueError), (SettingsError, ValueError), (DiskError, OSError)]
)
def test_an_error_names_place_expectation_arrival_and_remedy_in_one_line(kind, parent):
    error = kind("a.mat", "a file", "quoted\n  over two lines", "Fetch it again.")
    assert str(error) == "a.mat: expected a file; got quoted over two lines. Fetch it again."
    assert isinstance(error, EcgreproError)
    assert isinstance(error, parent)
