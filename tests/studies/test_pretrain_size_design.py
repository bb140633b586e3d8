import pytest

from ecgrepro.studies import pretrain_size as study
from ecgrepro.studies import pretrain_size_design as design

SIZES = sorted(study.PILOT_SIZES)


def test_the_design_is_what_the_trials_are():
    made = design.design_table()
    assert list(zip(made.kind, made.patients, strict=True)) == [
        (kind, n) for kind in design.KINDS for n in SIZES
    ]
    assert made.query("kind == 'fixed'").steps.nunique() == 1
    assert made.query("kind == 'few'").steps.nunique() == 1
    assert (
        made.query("kind == 'pass'").steps.to_numpy() == made.query("kind == 'one_run'").steps.to_numpy()
    ).all()
    assert made.query("kind == 'pass'").frames.tolist() == [4096 * n for n in SIZES]
    assert set(design.design_table("demo").kind) == {"fixed", "pass"}


def test_the_reports_sizes_are_steps():
    report = design.report_table()
    assert report.called.tolist() == [0.01, 0.1, 0.2, 1.0]
    steps_per_patient = report.steps / report.patients
    assert steps_per_patient.tolist() == pytest.approx([4096 / 512] * 4, rel=0.01)


def test_printed_sizes_are_compared_with_none_and_with_each_other():
    table = design.printed_table().set_index("comparison")
    assert list(table.index[:4]) == ["1 % − none", "10 % − none", "20 % − none", "100 % − none"]
    assert list(table.index[4:]) == [
        "10 % − 1 %",
        "20 % − 10 %",
        "100 % − 20 %",
        "100 % − 10 %",
        "100 % − 1 %",
    ]
    first = table.loc["100 % − none"]
    assert first.difference_from < 0.773 - 0.702 < first.difference_to  # Table 2 of the report
    assert first.t_from < 6.95 < first.t_to


def test_published_differences_are_those_of_the_arms_in_their_place():
    effects = design.published_effects()
    assert len(effects) == len(design.DIFFERENCES)
    assert effects["patients_100_fixed", "patients_6_pass"] == pytest.approx(
        0.773 - 0.754
    )  # Table 2 of the report
