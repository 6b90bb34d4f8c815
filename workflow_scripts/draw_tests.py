"""Draw what the tests found, whether they hold their level, and the causal picture."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.report import tests_figures
from residue.report.drawing import nothing, render

with stage.open() as job:
    tests, graphs = read_parquet(job.input("tests")), job.inputs("graphs")
    drawn = {
        "rows": tests_figures.readouts(tests),
        "orders": tests_figures.orders(tests),
        "calibration": tests_figures.calibration(read_parquet(job.input("calibration"))),
        "graph": tests_figures.graphs(read_parquets(graphs))
        if graphs
        else nothing("Nothing to draw: this run has no orders."),
    }
    for name, figure in drawn.items():
        job.output(name).write_bytes(render(figure, "svg"))
