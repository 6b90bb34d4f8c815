"""Check scored orders against what defences are shown; a scored prompt among it stops the run."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.specs.statistics import StatisticsSpec
from residue.world.injection.leaks import leaks
from residue.world.injection.shortcuts import shortcuts

with stage.open() as job:
    deck, shown = read_parquet(job.input("deck")), read_parquet(job.input("defence_data"))
    job.write_parquet("leaks", leaks(deck, shown))
    job.write_parquet("shortcuts", shortcuts(deck, shown, job.spec("statistics", StatisticsSpec)))
