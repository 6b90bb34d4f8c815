"""Make one arm's measurements of the lens deck from its lens table, the base's and the oracle's."""

from residue import stage
from residue.core.artifacts import joined, read_parquet
from residue.lens.compared import read_runs
from residue.measure.table import measure_all

with stage.open() as job:
    own, base = read_parquet(job.input("own")), read_parquet(job.input("base"))
    oracle = [read_parquet(path) for path in job.inputs("oracle")]
    # Users' data have one deck; their lenses read that one.
    items = read_parquet(job.input("deck")).assign(deck="lens")
    made = [
        measure_all(
            {"lens": readings}, items, job.part("metrics"),
            arm=job.wildcard("arm"), pair=pair, seed=seed, condition=condition,
        )
        for (pair, seed, condition), readings in read_runs(
            job.wildcard("arm"), own, base, oracle[0] if oracle else None
        )
    ]  # fmt: skip
    job.write_parquet("measurements", joined(made))
