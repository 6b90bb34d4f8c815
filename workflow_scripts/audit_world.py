"""Check decks and edit data before any model sees them; a leak stops the run here."""

from tokenizers import Tokenizer

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.specs.statistics import StatisticsSpec
from residue.world.audit import audit, longest_read

with stage.open() as job:
    files = {path.name: path for path in job.inputs("tokenizer")}
    if "tokenizer.json" not in files:
        raise FileNotFoundError("the model's folder holds no tokenizer.json; save a fast tokenizer")
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    configs = [files[name] for name in ("tokenizer_config.json", "config.json") if name in files]
    table = audit(
        {path.stem: read_parquet(path) for path in job.inputs("decks")},
        read_parquet(job.input("edit_data")),
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        max_tokens=longest_read(map(read_json, configs)),
        level=job.spec("statistics", StatisticsSpec).level,
        own=job.part("own"),
    )
    job.write_parquet("audit", table)
