"""Make one arm's measurement of depth from what patching took."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.measure.table import measure_all

with stage.open() as job:
    measured = measure_all(
        {"patching": read_parquet(job.input("patching"))},
        read_parquet(job.input("deck")),
        job.part("metrics"),
        arm=job.wildcard("arm"),
        pair=int(job.wildcard("pair")),
        seed=int(job.wildcard("seed")),
        condition=job.wildcard("condition"),
    )
    job.write_parquet("measurements", measured)
