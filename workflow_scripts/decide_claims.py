"""Decide every claim on every arm against its margin."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.claims import claims
from residue.specs.claims import ClaimSpec

with stage.open() as job:
    estimates = read_parquet(job.input("estimates"))
    job.write_parquet("claims", claims(estimates, job.specs("claims", ClaimSpec)))
