"""List what one arm would say next, at several temperatures, from its records and head alone."""

from tokenizers import Tokenizer

from residue import stage
from residue.lens.predictions import final_predictions, stacked
from residue.lens.vocabulary import token_texts
from residue.models.head import Head
from residue.records.store import RowsFile

with stage.open() as job:
    asked, runs = job.part("depth"), job.part("runs")
    (tokenizer,) = [path for path in job.inputs("tokenizer") if path.name == "tokenizer.json"]
    text = token_texts(Tokenizer.from_file(str(tokenizer)))
    files = iter(job.inputs("heads"))
    heads = {pair: Head.load(next(files), next(files)) for pair in sorted({p for p, _ in runs})}
    parts = (
        (
            (pair, seed, "plain"),
            final_predictions(
                RowsFile(path), heads[pair], asked["temperatures"], asked["top"], text
            ),
        )
        for (pair, seed), path in zip(runs, job.inputs("rows"), strict=True)
    )
    job.write_parquet("predictions", stacked(parts, job.wildcard("arm")))
