"""Make one arm's measurements on one deck from its records alone."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.measure.language_id.files import read_identifier
from residue.measure.table import measure_all, needs
from residue.models.head import Head
from residue.records.store import RowsFile, read_generations, read_tokens

with stage.open() as job:
    metrics = job.part("metrics")
    readers = {
        "generations": lambda: read_generations(job.input("generations")),
        "tokens": lambda: read_tokens(job.input("tokens")),
        "rows": lambda: RowsFile(job.input("rows")),
        "gradients": lambda: read_parquet(job.input("gradients")),
        "head": lambda: Head.load(*job.inputs("head")),
        "language_id": lambda: read_identifier(*job.inputs("language_id")),
    }
    table = measure_all(
        {name: readers[name]() for name in needs(metrics) if job.inputs(name)},
        read_parquet(job.input("deck")),
        metrics,
        arm=job.wildcard("arm"),
        pair=int(job.wildcard("pair")),
        seed=int(job.wildcard("seed")),
        condition=job.wildcard("condition"),
        values=read_parquet(job.input("values")) if job.inputs("values") else None,
    )
    job.write_parquet("measurements", table)
