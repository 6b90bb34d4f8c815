"""Read every row of every item of one arm with one lens, over all its pairs and seeds."""

from residue import stage
from residue.core import methods
from residue.core.artifacts import read_parquet
from residue.lens.artefacts import load_fitted
from residue.lens.asked import asked_items
from residue.lens.runs import LINES_PER_GROUP, batches_of_runs, runs_of
from residue.lens.table import decode_table
from residue.models.plain_tokenizer import PlainTokenizer
from residue.records.store import TableWriter
from residue.specs.lens import DECODERS

with stage.open() as job:
    lens, arm, deck = job.wildcard("lens"), job.wildcard("arm"), read_parquet(job.input("deck"))
    tokenizer = PlainTokenizer.of(job.inputs("tokenizer"))
    asked, decoder = asked_items(deck, tokenizer), methods.load(DECODERS, lens)
    tensors = [load_fitted(file).tensors for file in job.inputs("tensors")]
    runs = runs_of(job.part("runs"), job.inputs("rows"), job.inputs("heads"))
    lines = job.watched(
        batches_of_runs(runs), len(deck) * len(runs), "items", lambda batch: len(batch.items)
    )
    with TableWriter(job.output("table"), LINES_PER_GROUP) as file:
        for batch in lines:
            run = batch.run
            table = decode_table(
                batch.items,
                batch.rows,
                asked,
                run.head,
                decoder,
                tensors[run.pair] if tensors else {},
                keys={"lens": lens, "arm": arm, **run.keys},
                text=tokenizer.text,
                top_k=job.part("top_k"),
            )
            file.write(table)
