"""Summarise the lens tables of one arm: milestones, controls, ablations, audits, guidance."""

from tokenizers import Tokenizer

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.lens.summaries.asked import asked_of
from residue.lens.summaries.passes import summarise
from residue.specs.lens_summaries import LensSummariesSpec

with stage.open() as job:
    files = {path.name: path for path in job.inputs("tokenizer")}
    if "tokenizer.json" not in files:
        raise FileNotFoundError("the model's folder holds no tokenizer.json; save a fast tokenizer")
    tables = {path.parent.name: read_parquet(path) for path in job.inputs("tables")}
    asked = asked_of(
        read_parquet(job.input("deck")),
        Tokenizer.from_file(str(files["tokenizer.json"])),
        tables.values(),
        vocabulary=int(read_json(job.input("head"))["vocabulary"]),
    )
    made = summarise(
        tables,
        read_parquet(job.input("pairs")),
        asked,
        job.spec("lens_summaries", LensSummariesSpec),
    )
    for name, table in made.items():
        job.write_parquet(name, table)
