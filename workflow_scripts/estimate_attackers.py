"""Estimate how far attackers come who adapt to the model, by what they spend."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.adaptive import adaptive_table, of_run
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    runs = [(arm, pair, seed) for arm, pair, seed in job.part("runs")]
    tried = [
        of_run(read_parquet(path), *run)
        for run, path in zip(runs, job.inputs("attempts"), strict=True)
    ]
    job.write_parquet("adaptive", adaptive_table(tried, job.spec("statistics", StatisticsSpec)))
