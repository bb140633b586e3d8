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


def test_a_checkpoint_has_seen_everybody_of_the_groups_it_has_begun():
    made = design.design_table().set_index(["kind", "patients"])
    for kind in ("fixed", "pass", "few"):
        assert made["patients seen"][kind].tolist() == SIZES
    steps_of_a_group = 6 * 4096 // study.ONE_RUN.batch_size
    begun = [(steps - 1) // steps_of_a_group + 1 for steps in made.steps["one_run"]]
    assert made["patients seen"]["one_run"].tolist() == [min(6 * groups, 100) for groups in begun]
    assert (made["patients seen"]["one_run"].loc[[25, 50]] > [25, 50]).all()


def test_samples_of_a_checkpoint_are_not_counted_before_its_end():
    made = design.design_table().set_index(["kind", "patients"])["disjoint samples"]
    assert made["fixed"].to_dict() == study.PILOT_SIZES
    assert made["one_run"].isna().tolist() == [True] * 4 + [False]


def test_frames_of_a_person_fill_the_half_hour_many_times():
    made = design.design_table().set_index(["kind", "patients"])
    frames = 30 * 60 / (1024 / 125)  # that half an hour has, side by side
    assert (made["times half an hour"] - made["frames of each"] / frames).abs().max() <= 0.5
    assert made["times half an hour"]["fixed"].is_monotonic_decreasing


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
