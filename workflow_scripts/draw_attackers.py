"""Draw how far attackers come, by attempts."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.adaptive_figure import curves
from residue.report.drawing import render

with stage.open() as job:
    figure = curves(read_parquet(job.input("adaptive")))
    job.output("curves").write_bytes(render(figure, "svg"))
