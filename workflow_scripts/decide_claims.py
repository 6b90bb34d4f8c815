"""Decide every claim on every arm against its margin."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.claim_tables import latex, markdown
from residue.report.claims import claims
from residue.specs.claims import ClaimSpec
from residue.specs.headlines import HeadlineSpec

with stage.open() as job:
    estimates = read_parquet(job.input("estimates"))
    specs = job.specs("claims", ClaimSpec), job.specs("headlines", HeadlineSpec)
    decided = claims(estimates, *specs, job.part("defences"))
    job.write_parquet("claims", decided)
    job.write_text("markdown", markdown(decided))
    job.write_text("latex", latex(decided))
