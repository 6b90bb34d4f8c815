"""Fit a lens on the token stream of one model."""

from residue import stage
from residue.core import methods
from residue.lens.artefacts import save_fitted
from residue.models.head import Head
from residue.records.stream import StreamFile
from residue.specs.lens import FITS

with stage.open() as job:
    fit = methods.load(FITS, job.wildcard("lens")).fit
    stream, head = StreamFile(job.input("stream")), Head.load(*job.inputs("head"))
    seed = job.seed("lens.fit", int(job.wildcard("pair")), job.wildcard("role"))
    save_fitted(job.output("tensors"), fit(stream, head, job.part("fit"), seed))
