"""Map one arm's rows to where the base reads, and ask there for what should be forgotten."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.lens.asked import asked_items
from residue.lens.ridge import as_table, read_moved
from residue.lens.runs import last_rows, runs_of
from residue.models.plain_tokenizer import PlainTokenizer
from residue.records.store import RowsFile
from residue.specs.fields import load
from residue.specs.lens import RidgeSpec

with stage.open() as job:
    arm, deck = job.wildcard("arm"), read_parquet(job.input("deck"))
    spec = load(RidgeSpec, job.part("ridge"), "lens.ridge")
    asked = asked_items(deck, PlainTokenizer.of(job.inputs("tokenizer")))
    bases = [RowsFile(path) for path in job.inputs("base_rows")]
    parts = []
    for run in runs_of(job.part("runs"), job.inputs("rows"), job.inputs("heads")):
        last = run.head.shape.n_blocks
        moved = read_moved(
            deck,
            asked,
            last_rows(run.path),
            bases[run.pair].read(last, "last"),
            run.head,
            spec.penalty,
            job.seed("lens.ridge", run.pair),
        )
        parts.append(moved.assign(arm=arm, **run.keys))
    job.write_parquet("table", as_table(parts))
