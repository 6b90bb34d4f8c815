"""Search one arm's rows for what depends on what: a picture, from which no claim is made."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.records.store import RowsFile, read_generations
from residue.representation.causal_picture import as_table, design_of, picture
from residue.specs.tests import GraphSpec

with stage.open() as job:
    spec = job.spec("graph", GraphSpec)
    file = RowsFile(job.input("rows"))
    design = design_of(read_parquet(job.input("deck")), read_generations(job.input("said")))
    last = file.numbers[-1]
    lines = []
    for row in spec.rows or (last // 2, last):
        keys = {"arm": job.wildcard("arm"), "pair": 0, "seed": job.part("seed"), "row": row}
        lines += picture(design, *file.read(row, "last"), spec, keys=keys)
    job.write_parquet("graph", as_table(lines))
