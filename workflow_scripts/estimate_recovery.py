"""Estimate what each attack brings back, against base and oracle after the same attack."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.report.recovery import Attack, recovery_table
from residue.specs.conditions import StressSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    table = recovery_table(
        read_parquets([*job.inputs("plain"), *job.inputs("attacked")]),
        read_parquet(job.input("deck")),
        read_parquets(job.inputs("known")),
        [
            Attack(curve["attack"], tuple(curve["conditions"]), tuple(curve["at"]))
            for curve in job.part("curves")
        ],
        job.spec("stress", StressSpec),
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("recovery", table)
