"""Fit what a lens has to be fitted, and report how far it is from the model on held-out texts."""

from residue import stage
from residue.core import methods
from residue.core.artifacts import read_parquet
from residue.lens.artefacts import Fitted, load_tensors, save_tensors
from residue.lens.judging import Lens, judge
from residue.models.head import Head
from residue.records.stream import StreamFile
from residue.specs.lens import CONTROLS, DECODERS, FITS

with stage.open() as job:
    name, pair, role = job.wildcard("lens"), int(job.wildcard("pair")), job.wildcard("role")
    stream, head = StreamFile(job.input("stream")), Head.load(*job.inputs("head"))
    fitted = Fitted()
    if name in methods.names(FITS):
        fit = methods.load(FITS, name).fit
        fitted = fit(stream, head, job.part("fit"), job.seed("lens.fit", pair, role))
    control = None
    for file in job.inputs("control"):
        other = CONTROLS[name]
        control = Lens(other, methods.load(DECODERS, other), Fitted(load_tensors(file)))
    report = judge(
        Lens(name, methods.load(DECODERS, name), fitted),
        control,
        stream,
        read_parquet(job.input("corpus"), ["text", "country"]),
        head,
        level=job.part("level"),
        fitted_on=stream.n("fit") if fitted.tensors else 0,
        pair=pair,
        role=role,
    )
    save_tensors(job.output("tensors"), fitted)
    job.write_parquet("report", report)
