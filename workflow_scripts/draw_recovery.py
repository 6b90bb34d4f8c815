"""Draw what each attack brings back."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.drawing import render
from residue.report.recovery_figure import recovery

with stage.open() as job:
    figure = recovery(read_parquet(job.input("recovery")))
    job.output("recovery").write_bytes(render(figure, "svg"))
