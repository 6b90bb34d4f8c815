"""Estimate what is left of each request, and draw it over their size and number."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.report.drawing import render
from residue.report.succession import Asked, succession_table
from residue.report.succession_figure import succession
from residue.specs.arms import PartSpec
from residue.specs.fields import load
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    arms = [
        Asked(
            entry["series"],
            entry["arm"],
            entry["after"],
            tuple(load(PartSpec, part, "forget_part") for part in entry["requests"]),
        )
        for entry in job.part("requests")
    ]
    table = succession_table(
        read_parquets(job.inputs("measurements")),
        read_parquet(job.input("deck")),
        read_parquets(job.inputs("known")),
        read_parquet(job.input("edit_data")),
        arms,
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("succession", table)
    job.output("figure").write_bytes(render(succession(table), "svg"))
