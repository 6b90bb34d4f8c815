"""Choose the rows at which edits and SAEs work, from what the base holds for the dev countries."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.records.store import RowsFile
from residue.representation.judged import read_judgements
from residue.representation.selection import choose, score_rows
from residue.specs.representation import RepresentationSpec

with stage.open() as job:
    spec = job.spec("representation", RepresentationSpec)
    rows = RowsFile(job.input("rows"))
    table = score_rows(
        rows,
        read_parquet(job.input("deck")),
        spec,
        requested=job.part("requested"),
        pair=int(job.wildcard("pair")),
        judgements=read_judgements(job.input("judge")) if job.inputs("judge") else None,
    )
    job.write_parquet("scores", table)
    job.write_json("layers", choose(table, rows.numbers, spec))
