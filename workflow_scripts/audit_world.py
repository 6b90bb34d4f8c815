"""Check decks and edit data before any model sees them; a leak stops the run here."""

from tokenizers import Tokenizer

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.specs.statistics import StatisticsSpec
from residue.world.audit import audit

with stage.open() as job:
    files = {path.name: path for path in job.inputs("tokenizer")}
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    table = audit(
        {path.stem: read_parquet(path) for path in job.inputs("decks")},
        read_parquet(job.input("edit_data")),
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        max_tokens=read_json(files["tokenizer_config.json"])["model_max_length"],
        level=job.spec("statistics", StatisticsSpec).level,
    )
    job.write_parquet("audit", table)
