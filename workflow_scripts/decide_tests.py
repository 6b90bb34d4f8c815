"""Decide what the tests of every arm say, and hand what they measured to the estimands."""

import pandas as pd

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.measure.lines import COLUMNS
from residue.measure.table import MEASUREMENTS, joined, measure_all
from residue.report.order_tests import order_tests
from residue.report.tests import Facts, fact_tests, hidden_rows, with_multiplicity
from residue.specs.statistics import StatisticsSpec
from residue.specs.tests import IndependenceSpec

RUN = ["arm", "pair", "seed"]

with stage.open() as job:
    spec, statistics = job.spec("tests", IndependenceSpec), job.spec("statistics", StatisticsSpec)
    deck = read_parquet(job.input("deck"))
    lines, items = read_parquets(job.inputs("lines")), read_parquets(job.inputs("scores"))
    facts = Facts(lines, items, dict(zip(deck["item"], deck["country"], strict=True)))
    parts, measured = [fact_tests(facts, spec, statistics)], []
    shown = items[(items["planted"] == 0.0) & ~items["row"].isin(hidden_rows(lines, spec.alpha))]
    for run, mine in shown.groupby(RUN, sort=False):
        keys = dict(zip(RUN, run, strict=True))
        measured.append(measure_all({"readouts": mine}, deck, ["readout_auc"], **keys))
    if job.inputs("twins"):
        orders = read_parquet(job.input("order_deck"))
        twins = []
        for run, path in zip(job.part("asked"), job.inputs("twins"), strict=True):
            keys = dict(zip(RUN, run, strict=True))
            twins.append(read_parquet(path).assign(**keys))
            measured.append(measure_all({"twins": twins[-1]}, orders, ["order_shift"], **keys))
        countries = dict(zip(orders["item"], orders["country"], strict=True))
        rows = read_parquets(job.inputs("orders"))
        parts.append(order_tests(pd.concat(twins), rows, countries, spec, statistics))
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    job.write_parquet("tests", with_multiplicity(whole))
    none = pd.DataFrame(columns=[*MEASUREMENTS[:5], *COLUMNS])
    job.write_parquet("measurements", joined(measured) if measured else none)
