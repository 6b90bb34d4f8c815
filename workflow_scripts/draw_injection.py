"""Draw what every arm does under attack."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.report.attack_plane import plane
from residue.report.drawing import render

with stage.open() as job:
    figure = plane(read_parquet(job.input("injection")))
    job.output("plane").write_bytes(render(figure, "svg"))
