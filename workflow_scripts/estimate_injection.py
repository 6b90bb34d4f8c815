"""Estimate what every arm does under attack, and certify what that bounds."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.measure.labels import read_labels
from residue.records.store import RowsFile
from residue.report.attacks import Attacks
from residue.report.certificate import certificate
from residue.report.injection import injection_table
from residue.specs.injection import InjectionSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    spec = job.spec("injection", InjectionSpec)
    statistics = job.spec("statistics", StatisticsSpec)
    measured, deck = read_parquets(job.inputs("measurements")), read_parquet(job.input("deck"))
    attacks = Attacks(measured, deck, spec, statistics)
    runs = [(arm, pair, seed) for arm, pair, seed in job.part("runs")]
    rows = {run: RowsFile(path) for run, path in zip(runs, job.inputs("rows"), strict=True)}
    labels = [read_labels(path) for path in job.inputs("labels")]
    table = injection_table(attacks, rows, statistics, labels[0] if labels else None)
    job.write_parquet("injection", table)
    job.write_parquet("certificate", certificate(attacks, statistics))
