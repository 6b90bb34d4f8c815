"""Draw the curves of every arm over the rows, as one lens reads them."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.depth_figures import trajectories
from residue.report.drawing import render

with stage.open() as job:
    figure = trajectories(read_parquet(job.input("depth")), job.wildcard("lens"))
    job.output("figure").write_bytes(render(figure, "svg"))
