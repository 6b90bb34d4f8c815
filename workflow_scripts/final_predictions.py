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
    heads = iter(job.inputs("heads"))
    parts = (
        (
            (pair, seed, "plain"),
            final_predictions(
                RowsFile(rows), Head.load(next(heads), next(heads)),
                asked["temperatures"], asked["top"], text,
            ),
        )
        for (pair, seed), rows in zip(runs, job.inputs("rows"), strict=True)
    )  # fmt: skip
    job.write_parquet("predictions", stacked(parts, job.wildcard("arm")))
