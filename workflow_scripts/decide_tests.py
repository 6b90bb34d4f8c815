"""Decide what the tests of every arm say, and hand what they measured to the estimands."""

from residue import stage
from residue.core.artifacts import joined, read_parquet, read_parquets
from residue.measure.table import measure_all, nothing
from residue.report.order_tests import order_tests
from residue.report.tests import Facts, completed, fact_tests, hidden_rows, with_multiplicity
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
    for _, mine in shown.groupby(RUN, sort=False):
        arm, pair, seed = mine.iloc[0][RUN]
        run = measure_all(
            {"readouts": mine}, deck, ["readout_auc"], arm=arm, pair=int(pair), seed=int(seed)
        )
        measured.append(run)
    measured = completed(measured)
    if job.inputs("twins"):
        orders = read_parquet(job.input("order_deck"))
        twins = []
        for (arm, pair, seed), path in zip(job.part("asked"), job.inputs("twins"), strict=True):
            twins.append(read_parquet(path).assign(arm=arm, pair=pair, seed=seed))
            run = measure_all(
                {"twins": twins[-1]}, orders, ["order_shift"], arm=arm, pair=pair, seed=seed
            )
            measured.append(run)
        countries = dict(zip(orders["item"], orders["country"], strict=True))
        rows = read_parquets(job.inputs("orders"))
        parts.append(order_tests(joined(twins), rows, countries, spec, statistics))
    whole = joined(part for part in parts if len(part))
    job.write_parquet("tests", with_multiplicity(whole))
    job.write_parquet("measurements", joined(measured) if measured else nothing())
