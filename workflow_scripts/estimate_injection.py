"""Estimate what every arm does under attack, certify what that bounds, and try the judge."""

import pandas as pd

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.measure.labels import read_labels, tried
from residue.records.store import RowsFile, read_generations
from residue.report.attacks import Attacks
from residue.report.certificate import certificate
from residue.report.escapes import escapes
from residue.report.injection import injection_table
from residue.report.judging import confusion
from residue.specs.injection import InjectionSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    spec = job.spec("injection", InjectionSpec)
    statistics = job.spec("statistics", StatisticsSpec)
    deck = read_parquet(job.input("deck"))
    attacks = Attacks(read_parquets(job.inputs("measurements")), deck, spec, statistics)
    runs = [(arm, pair, seed) for arm, pair, seed in job.part("runs")]
    rows = {run: RowsFile(path) for run, path in zip(runs, job.inputs("rows"), strict=True)}
    said = zip(runs, job.inputs("generations"), strict=True)
    labels = [read_labels(path) for path in job.inputs("labels")]
    job.write_parquet(
        "injection",
        injection_table(attacks, rows, statistics, labels[0] if labels else None),
    )
    job.write_parquet("certificate", certificate(attacks, statistics))
    job.write_parquet("judge", confusion(tried(job.input("references"), deck), statistics))
    shown = [escapes(*run, read_generations(path), deck, spec.examples) for run, path in said]
    job.write_parquet("escapes", pd.concat(shown, ignore_index=True))
