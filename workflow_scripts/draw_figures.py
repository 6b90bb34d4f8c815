"""Draw the figures of the page."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.report.drawing import render
from residue.report.emergence import first_row_counts
from residue.report.figures import by_language, first_rows, tradeoff

with stage.open() as job:
    estimates = read_parquet(job.input("estimates"))
    margins = job.part("margins")
    measured = read_parquets(job.inputs("measurements"))
    figures = {
        "tradeoff": tradeoff(
            estimates, forget_margin=margins["forgets"], retain_margin=margins["keeps"]
        ),
        "by_language": by_language(estimates, requested=job.part("requested")),
        "first_rows": first_rows(first_row_counts(measured, read_parquet(job.input("deck")))),
    }
    for name, figure in figures.items():
        job.output(name).write_bytes(render(figure, "svg"))
