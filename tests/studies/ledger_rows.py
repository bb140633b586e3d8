"""Rows as `ecgrepro.claims.claims_table` makes them, from the packaged ledger and made-up estimates."""

from ecgrepro.claims import Estimate, claims_table

GAIN = "WC-T1-beat2048-macro-minus-random"
LEVEL = "WC-T1-none-macro"
SUBSTITUTE = ("pre-training on other recordings",)


def estimate(value, half_width=0.01, **more):
    settings = {"level": 0.95, "scale": "pilot", "n_seeds": 5, "n_records": 8528} | more
    return Estimate(value=value, low=value - half_width, high=value + half_width, **settings)


def rows(estimates=None):
    return claims_table(estimates or {})


def measured_rows(value=0.03, **more):
    return rows({GAIN: estimate(value, substitutes=SUBSTITUTE, **more)})
