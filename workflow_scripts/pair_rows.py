"""Compare what the norm lens and the raw lens read out of every row of one arm."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.lens.asked import asked_items
from residue.lens.pairs import pair_table
from residue.lens.runs import LINES_PER_GROUP, batches_of_runs, runs_of
from residue.models.plain_tokenizer import PlainTokenizer
from residue.records.store import TableWriter

with stage.open() as job:
    arm, deck = job.wildcard("arm"), read_parquet(job.input("deck"))
    asked = asked_items(deck, PlainTokenizer.of(job.inputs("tokenizer")))
    runs = runs_of(job.part("runs"), job.inputs("rows"), job.inputs("heads"))
    with TableWriter(job.output("table"), LINES_PER_GROUP) as file:
        for batch in batches_of_runs(runs):
            keys = {"arm": arm, **batch.run.keys}
            file.write(pair_table(batch.items, batch.rows, asked, batch.run.head, keys=keys))
