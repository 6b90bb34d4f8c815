"""Try the judge of outcomes on labelled replies, and choose replies for people to read."""

from residue import stage
from residue.core.artifacts import joined, read_parquet
from residue.measure.references import tried
from residue.records.store import read_generations
from residue.report.escapes import escapes
from residue.report.judging import confusion
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    deck, most = read_parquet(job.input("deck")), job.part("examples")
    said = map(read_generations, job.inputs("generations"))
    shown = [
        escapes(arm, pair, seed, replies, deck, most)
        for (arm, pair, seed), replies in zip(job.part("runs"), said, strict=True)
    ]
    statistics = job.spec("statistics", StatisticsSpec)
    job.write_parquet("judge", confusion(tried(job.input("references"), deck), statistics))
    job.write_parquet("escapes", joined(shown))
