"""Compare what the lenses read of every arm, row by row, with base and oracle."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.report.depth import READ, depth_table
from residue.specs.depth import DepthSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    # Tables lie in a folder per lens, one file per arm.
    tables = {
        (path.parent.name, path.stem): read_parquet(path, columns=list(READ))
        for path in job.inputs("tables")
    }
    table = depth_table(
        tables,
        read_parquet(job.input("deck")),
        read_parquets(job.inputs("known")),
        job.spec("depth", DepthSpec),
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("depth", table)
