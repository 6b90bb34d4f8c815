"""Record the rows of every token of the corpus, for the fits of lenses and SAEs."""

import logging

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.models.opening import open_model
from residue.records.stream import write_stream
from residue.records.texts import record_texts
from residue.specs.model import LoadSpec

with stage.open() as job:
    spec = job.part("stream")
    chosen = job.inputs("layers")
    rows = read_json(chosen[0])["rows"] if chosen else spec.get("rows", [])
    load = job.spec("load", LoadSpec)
    model, tokenizer = open_model(job.inputs("model")[0].parent, device=job.device, load=load)
    most = {split: spec[split] for split in ("fit", "held_out")}
    tables = job.watched(
        record_texts(model, tokenizer, read_parquet(job.input("corpus")), most, rows),
        sum(most.values()), "tokens", lambda table: table.num_rows,
    )  # fmt: skip
    tokens = write_stream(tables, job.output("stream"))
    logging.getLogger("residue").info("%d tokens of at most %d", tokens, sum(most.values()))
