"""How a diagnosis changes the heart vector: the 18 classes shared by PTB-XL and Georgia, and what they need.

Each change gives the class the feature that defines it in textbooks and in the recommendations for the
standardisation and interpretation of the electrocardiogram: part III, intraventricular conduction (Surawicz B et
al., J Am Coll Cardiol 53:976-981, 2009), part IV, ST segment, T and QT (Rautaharju PM et al., same volume,
982-991), part V, hypertrophy (Hancock EW et al., same volume, 992-1002). Voltage for left ventricular hypertrophy:
Sokolow M, Lyon TP, Am Heart J 37:161-186 (1949). The vectors themselves are our own; features are exaggerated
rather than borderline, so that a demo can learn them.

`DESCRIPTIONS` says in a few words what each class shows; its tests measure just that on the leads.
"""

from dataclasses import replace

import numpy as np

from ecgrepro.corpora.synthetic_twelve_leads import (
    Dipole,
    gaussians,
    peak_time,
    project,
    qrs_span,
    rotation,
    with_duration,
)

#: PTB-XL statement to what the simulated leads show.
DESCRIPTIONS = {
    "1AVB": "PR above 200 ms",
    "2AVB": "P waves without QRS (Wenckebach or Mobitz II); made by the rhythm, not by the waves",
    "CLBBB": "QRS of 125 ms or more, broad notched R and no Q in I, V5, V6, QS or rS in V1, T against QRS",
    "CRBBB": "QRS of 125 ms or more, RSR' in V1, broad S in I and V6, T against it in V1",
    "ILBBB": "QRS of 111 to 118 ms in the shape of left bundle branch block",
    "IRBBB": "QRS of 111 to 118 ms in the shape of right bundle branch block",
    "ISCAN": "ST depression and inverted T in V1 to V4",
    "ISCIN": "ST depression and inverted T in II, III, aVF",
    "ISCLA": "ST depression and inverted T in I, aVL, V5, V6",
    "IVCD": "QRS of 122 ms or more, notched, in neither bundle branch's shape",
    "LAFB": "axis of -45 degrees or less, qR in aVL, rS in II, III, aVF",
    "LPFB": "axis of 95 degrees or more, rS in I, qR in III",
    "LAO/LAE": "notched P of 120 ms or more in II, deep negative end of P in V1",
    "LNGQT": "QTc of 480 ms or more",
    "LVH": "S in V1 + R in V5 above 3.5 mV, often with strain in V5, V6",
    "RVH": "R above S in V1, right axis, deep S in V6, strain in V1 to V3",
    "SEHYP": "deep narrow Q in I, aVL, V5, V6 with tall R in V1, V2",
    "NDT": "flat T",
    "IMI": "Q of 40 ms in II, III, aVF",
    "ASMI": "QS in V1 to V3",
}

#: Rows: time and width as shares of the QRS duration, x, y, z in mV: septum, free wall, left and posterior, base.
_QRS = np.array([
    [0.18, 0.080, -0.12, 0.00, -0.28],
    [0.42, 0.100, 0.95, 0.75, 0.12],
    [0.56, 0.100, 0.40, 0.45, 0.75],
    [0.80, 0.085, -0.20, -0.12, 0.28],
])  # fmt: skip
_LEFT_BLOCK = np.array([
    [0.14, 0.080, 0.20, 0.12, 0.02],
    [0.34, 0.105, 0.95, 0.35, 0.75],
    [0.56, 0.110, 0.75, 0.25, 1.05],
    [0.78, 0.100, 0.75, 0.10, 0.55],
])  # fmt: skip
_PREMATURE = np.array([
    [0.20, 0.090, 0.10, 0.25, -0.30],
    [0.45, 0.130, -0.50, 1.10, 0.50],
    [0.72, 0.130, -0.30, 0.80, 0.60],
])  # fmt: skip
SEPTUM, WALL, LEFT, BASE = range(4)


def draw_dipole(rng):
    """Draw a healthy person's heart vector: a `Dipole` with normal PR, QRS, QTc, axis and voltage."""
    turn = rotation(rng.normal(0, 7, 3))
    size = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.08, (4, 1)))
    qrs = _QRS.copy()
    qrs[:, 2:] = qrs[:, 2:] * np.clip(size, 0.75, 1.3) @ turn
    premature = _PREMATURE.copy()
    premature[:, 2:] *= rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0.9, 1.3)
    premature = with_duration(premature, rng.uniform(0.14, 0.17))
    height = rng.uniform(0.75, 1.25)
    return Dipole(
        p=_p_wave(rng, rng.uniform(0.085, 0.105), 1.0),
        qrs=with_duration(qrs, rng.uniform(0.082, 0.100)),
        st=_st(0, 0, 0),
        t=t_wave(np.array([0.26, 0.22, -0.13]) * height @ turn),
        premature=premature,
        premature_t=t_wave(-0.3 * peak(premature)),
        pr=rng.uniform(0.135, 0.180),
        qtc=rng.uniform(0.395, 0.430),
        fibrillatory=rng.uniform(0.04, 0.09) * np.array([-0.2, 0.7, -0.8]),
        flutter=rng.uniform(0.10, 0.17) * np.array([0.1, 1.0, -0.4]),
    )


def peak(table):
    """The longest vector of a table's loop: float64 (3,) in mV."""
    return gaussians(table, np.array([peak_time(table)]))[0]


def t_wave(direction):
    """A T table of peak near `direction` (3,) in mV, slower to rise than to fall."""
    direction = np.asarray(direction, float)
    # times back from the end of T, which is two widths of its last wave after that wave's peak
    return np.array([[-0.076, 0.038, *(0.8 * direction)], [-0.125, 0.050, *(0.45 * direction)]])


def _p_wave(rng, seconds, left, width=0.16):
    right_atrium, left_atrium = np.array([0.035, 0.105, -0.05]), np.array([0.085, 0.055, 0.045])
    width, size = width * seconds, rng.uniform(0.85, 1.15)
    # the atria end their waves two widths inside the onset and the end
    return np.array([
        [2.2 * width, width, *(size * right_atrium)],
        [seconds - 2.2 * width, width, *(size * left * left_atrium)],
    ])  # fmt: skip


def _st(x, y, z):
    return np.array([[0.055, 0.028, x, y, z]], float)


def first_degree_block(rng, dipole):
    return replace(dipole, pr=rng.uniform(0.225, 0.310))


def left_bundle_branch_block(rng, dipole, seconds=(0.130, 0.160), size=1.0):
    table = _LEFT_BLOCK.copy()
    table[:, 2:] = table[:, 2:] * rng.uniform(0.8, 1.05) * size @ rotation(rng.normal(0, 5, 3))
    qrs = with_duration(table, rng.uniform(*seconds))
    against = -peak(qrs) * np.array([0.3, 0.15, 0.3])
    return replace(dipole, qrs=qrs, t=t_wave(against), st=_st(*(0.35 * against)), qtc=dipole.qtc + 0.03)


def incomplete_left_bundle_branch_block(rng, dipole):
    changed = left_bundle_branch_block(rng, dipole, (0.1105, 0.1145), 0.85)
    return replace(changed, t=t_wave([0.05, 0.12, -0.15]), st=_st(-0.03, 0, -0.04), qtc=dipole.qtc)


def right_bundle_branch_block(rng, dipole):
    # the left ventricle is excited as always, the right one late and slowly: a vector to the right and the front
    late = [[1.10, 0.160, *(np.array([-0.60, 0.02, -0.72]) * rng.uniform(0.85, 1.2))]]
    early = _shares(dipole.qrs)[:3]
    qrs = np.vstack([early, late])
    t = t_wave(np.array([0.26, 0.17, 0.16]) * rng.uniform(0.8, 1.2))
    changed = with_duration(qrs, rng.uniform(0.128, 0.155))
    return replace(dipole, qrs=changed, t=t, st=_st(0.02, 0, 0.05), qtc=dipole.qtc + 0.02)


def incomplete_right_bundle_branch_block(rng, dipole):
    late = [[0.96, 0.095, *(np.array([-0.36, 0.0, -0.52]) * rng.uniform(0.9, 1.2))]]
    qrs = np.vstack([_shares(dipole.qrs)[:3], late])
    t = dipole.t * np.array([1, 1, 1, 1, 0.2])
    return replace(dipole, qrs=with_duration(qrs, rng.uniform(0.1125, 0.1175)), t=t)


def unspecific_conduction_delay(rng, dipole):
    # all of it slow: the septal q stays, so it is no left block; no late vector to the front, so no right one
    table = _shares(dipole.qrs)
    notch = [[0.70, 0.050, *(rng.uniform(0.4, 0.6) * table[WALL, 2:])]]
    return replace(dipole, qrs=with_duration(np.vstack([table, notch]), rng.uniform(0.128, 0.142)))


def left_anterior_fascicular_block(rng, dipole):
    start, main = np.array([-0.10, 0.32, -0.20]), np.array([0.75, -0.85, 0.10])
    return _fascicular(rng, dipole, start, main, np.array([0.35, -0.55, 0.70]))


def left_posterior_fascicular_block(rng, dipole):
    start, main = np.array([0.38, -0.30, -0.42]), np.array([-0.42, 1.10, 0.40])
    changed = _fascicular(rng, dipole, start, main, np.array([-0.12, 0.60, 0.60]))
    return replace(changed, t=t_wave([0.15, 0.22, -0.15]))


def _fascicular(rng, dipole, start, main, late):
    table = _shares(dipole.qrs)
    turn = rotation(np.clip(rng.normal(0, 5, 3), -8, 8))
    size = rng.uniform(0.85, 1.15)
    table[[SEPTUM, WALL, LEFT], 2:] = size * np.array([start, main, late]) @ turn
    table[SEPTUM, :2] = 0.20, 0.085
    return replace(dipole, qrs=with_duration(table, rng.uniform(0.096, 0.108)))


def left_atrial_enlargement(rng, dipole):
    # two humps: the left atrium is late, and both are narrow for so long a wave
    table = _p_wave(rng, rng.uniform(0.140, 0.155), 1.35, width=0.135)
    table[1, 4] += 0.07
    return replace(dipole, p=table, pr=max(dipole.pr, 0.172))


def long_qt(rng, dipole):
    return replace(dipole, qtc=rng.uniform(0.490, 0.550))


def left_ventricular_hypertrophy(rng, dipole):
    # the thick wall lies to the left and the back, not to the feet
    qrs = _scaled_to_sokolow(dipole.qrs * np.array([1, 1, 1, 0.5, 1]), rng.uniform(4.2, 5.6))
    qrs = with_duration(qrs, rng.uniform(0.094, 0.108))
    if rng.random() < 0.3:
        return replace(dipole, qrs=qrs)
    size = rng.uniform(0.8, 1.3)
    return replace(
        dipole, qrs=qrs, t=t_wave(size * np.array([-0.24, 0.05, -0.28])), st=_st(-0.09, -0.02, -0.10)
    )


def _scaled_to_sokolow(table, millivolts):
    leads = project(gaussians(table, np.linspace(*qrs_span(table), 300)))
    index = -leads[:, 2].min() + leads[:, 6].max()
    return table * np.array([1, 1, *[millivolts / index] * 3])


def right_ventricular_hypertrophy(rng, dipole):
    table = _shares(dipole.qrs)
    table[[SEPTUM, WALL, LEFT], 2:] = [[0.22, 0.05, -0.22], [-0.35, 0.70, -0.75], [-0.62, 0.55, -0.25]]
    table[BASE, 2:] = -0.25, -0.15, 0.20
    table[:, 2:] = rng.uniform(0.9, 1.25) * table[:, 2:] @ rotation(rng.normal(0, 4, 3))
    qrs = with_duration(table, rng.uniform(0.088, 0.106))
    return replace(dipole, qrs=qrs, t=t_wave([0.16, 0.05, 0.26]), st=_st(0.02, -0.04, 0.10))


def septal_hypertrophy(rng, dipole):
    table = _shares(dipole.qrs)
    table[SEPTUM] = 0.17, 0.075, *(rng.uniform(0.9, 1.25) * np.array([-0.58, -0.06, -0.66]))
    return replace(dipole, qrs=with_duration(table, rng.uniform(0.092, 0.108)))


def anterior_ischaemia(rng, dipole):
    return _ischaemia(rng, dipole, [0.02, 0.22, 0.42], [-0.05, -0.01, 0.12])


def inferior_ischaemia(rng, dipole):
    return _ischaemia(rng, dipole, [0.22, -0.32, -0.16], [0.03, -0.14, -0.04])


def lateral_ischaemia(rng, dipole):
    return _ischaemia(rng, dipole, [-0.36, 0.16, -0.18], [-0.14, 0.02, -0.05])


def _ischaemia(rng, dipole, t, st):
    size = rng.uniform(0.85, 1.4)
    return replace(dipole, t=t_wave(size * np.array(t)), st=_st(*(size * np.array(st))))


def flat_t(rng, dipole):
    return replace(dipole, t=dipole.t * np.array([1, 1, *[rng.uniform(0.05, 0.18)] * 3]), st=_st(0, 0, 0))


def inferior_infarction(rng, dipole):
    table = _shares(dipole.qrs)
    table[SEPTUM] = 0.20, 0.110, *(rng.uniform(0.9, 1.2) * np.array([0.10, -0.60, -0.30]))
    table[[WALL, LEFT], 3] *= 0.75
    t = t_wave(rng.uniform(0.8, 1.2) * np.array([0.22, -0.14, -0.16]))
    return replace(dipole, qrs=with_duration(table, rng.uniform(0.092, 0.106)), t=t)


def anteroseptal_infarction(rng, dipole):
    table = _shares(dipole.qrs)
    table[SEPTUM] = 0.20, 0.090, *(rng.uniform(0.9, 1.2) * np.array([-0.05, 0.10, 0.55]))
    table[WALL, 4] = 0.80
    t = t_wave(rng.uniform(0.7, 1.1) * np.array([0.18, 0.18, 0.28]))
    return replace(dipole, qrs=with_duration(table, rng.uniform(0.088, 0.104)), t=t, st=_st(0, 0, -0.08))


def _shares(qrs):
    """A QRS table with times and widths as shares of its duration."""
    return qrs / np.array([*[qrs_span(qrs)[1]] * 2, 1, 1, 1])


#: In the order in which they are applied: what replaces the whole QRS first, what adds to it after.
CHANGES = {
    "ASMI": anteroseptal_infarction,
    "IMI": inferior_infarction,
    "RVH": right_ventricular_hypertrophy,
    "SEHYP": septal_hypertrophy,
    "LAFB": left_anterior_fascicular_block,
    "LPFB": left_posterior_fascicular_block,
    "CLBBB": left_bundle_branch_block,
    "ILBBB": incomplete_left_bundle_branch_block,
    "LVH": left_ventricular_hypertrophy,
    "CRBBB": right_bundle_branch_block,
    "IRBBB": incomplete_right_bundle_branch_block,
    "IVCD": unspecific_conduction_delay,
    "1AVB": first_degree_block,
    "LAO/LAE": left_atrial_enlargement,
    "ISCAN": anterior_ischaemia,
    "ISCIN": inferior_ischaemia,
    "ISCLA": lateral_ischaemia,
    "NDT": flat_t,
    "LNGQT": long_qt,
}


def diseased(rng, dipole, statements):
    """Apply the changes of all `statements` (PTB-XL acronyms; those without a change do nothing) to a Dipole."""
    for name, change in CHANGES.items():
        if name in statements:
            dipole = change(rng, dipole)
    return dipole
