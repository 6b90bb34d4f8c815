"""Estimate every estimand on every arm, with its interval."""

from residue import stage
from residue.core.artifacts import read_parquets
from residue.report.estimates import estimates
from residue.specs.claims import EstimandSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    table = estimates(
        read_parquets(job.inputs("measurements")),
        read_parquets(job.inputs("decks")),
        read_parquets(job.inputs("known")),
        job.specs("estimands", EstimandSpec),
        job.spec("statistics", StatisticsSpec),
        judged=job.part("judged"),
    )
    job.write_parquet("estimates", table)
