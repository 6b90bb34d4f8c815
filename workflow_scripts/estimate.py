"""Estimate every estimand on every arm, with its interval."""

import pandas as pd

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.estimates import estimates
from residue.specs.claims import EstimandSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    table = estimates(
        pd.concat([read_parquet(path) for path in job.inputs("measurements")], ignore_index=True),
        pd.concat([read_parquet(path) for path in job.inputs("decks")], ignore_index=True),
        pd.concat([read_parquet(path) for path in job.inputs("known")], ignore_index=True),
        job.specs("estimands", EstimandSpec),
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("estimates", table)
