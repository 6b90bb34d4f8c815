"""Hold what is read inside each edited model against how fast an attack brings facts back."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.relearning import relearning_table
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    table = relearning_table(
        read_parquet(job.input("estimates")),
        read_parquet(job.input("recovery")),
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("relearning", table)
