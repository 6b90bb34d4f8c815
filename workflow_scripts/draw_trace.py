"""Draw single prompts, row by position, in the base, one arm, and their difference."""

from tokenizers import Tokenizer

from residue import stage
from residue.core.artifacts import read_parquet
from residue.lens.vocabulary import token_texts
from residue.models.head import Head
from residue.records.store import read_tokens
from residue.report.depth_figures import heat_maps
from residue.report.drawing import render
from residue.report.traces import prompts, read_traces

with stage.open() as job:
    (tokenizer,) = [path for path in job.inputs("tokenizer") if path.name == "tokenizer.json"]
    drawn = prompts(
        read_traces(job.input("base")),
        read_traces(job.input("arm")),
        read_parquet(job.input("deck")),
        read_tokens(job.input("tokens"), ["item", "position", "part", "id"]),
        Head.load(*job.inputs("head")),
        token_texts(Tokenizer.from_file(str(tokenizer))),
    )
    figure = heat_maps(drawn, job.wildcard("arm"))
    job.output("figure").write_bytes(render(figure, "svg"))
