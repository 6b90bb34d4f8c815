"""Make the Jacobian lens from the live model, and report on it as on the fitted lenses."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.lens.artefacts import save_tensors
from residue.lens.decoders import jacobian
from residue.lens.jacobian_fit import mean_jacobians
from residue.lens.judging import Lens, judge
from residue.models.head import Head
from residue.models.loading import load_model
from residue.records.stream import StreamFile
from residue.specs.fields import load
from residue.specs.lens import LIVE, JacobianSpec

with stage.open() as job:
    pair, role = int(job.wildcard("pair")), job.wildcard("role")
    corpus = read_parquet(job.input("corpus"))
    spec = load(JacobianSpec, job.part("fit")[LIVE], f"lens.{LIVE}")
    model, tokenizer = load_model(job.inputs("model")[0].parent, device=job.device)
    seed = job.seed("lens.jacobian", pair, role)
    fitted, positions = mean_jacobians(model, tokenizer, corpus, spec, seed)
    report = judge(
        Lens(LIVE, jacobian, fitted),
        None,
        StreamFile(job.input("stream")),
        corpus,
        Head.load(*job.inputs("head")),
        level=job.part("level"),
        fitted_on=positions,
        pair=pair,
        role=role,
    )
    save_tensors(job.output("tensors"), fitted)
    job.write_parquet("report", report)
