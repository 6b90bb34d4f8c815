"""Report how far a lens is from the model's own law on held-out texts."""

from residue import stage
from residue.core import methods
from residue.core.artifacts import read_parquet
from residue.lens.artefacts import Fitted, load_fitted
from residue.lens.judging import Lens, judge
from residue.models.head import Head
from residue.records.stream import StreamFile
from residue.specs.lens import CONTROLS, DECODERS

with stage.open() as job:
    name = job.wildcard("lens")
    made = [load_fitted(file) for file in job.inputs("tensors")]
    control = None
    for file in job.inputs("control"):
        other = CONTROLS[name]
        control = Lens(other, methods.load(DECODERS, other), load_fitted(file))
    report = judge(
        Lens(name, methods.load(DECODERS, name), made[0] if made else Fitted()),
        control,
        StreamFile(job.input("stream")),
        read_parquet(job.input("corpus"), ["text", "country"]),
        Head.load(*job.inputs("head")),
        level=job.part("level"),
        pair=int(job.wildcard("pair")),
        role=job.wildcard("role"),
    )
    job.write_parquet("report", report)
