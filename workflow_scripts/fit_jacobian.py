"""Make the Jacobian lens from the live model."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.lens.artefacts import save_fitted
from residue.lens.jacobian_fit import mean_jacobians
from residue.models.opening import open_model
from residue.specs import fields
from residue.specs.lens import LIVE, JacobianSpec
from residue.specs.model import LoadSpec

with stage.open() as job:
    spec = fields.load(JacobianSpec, job.part("fit")[LIVE], f"lens.{LIVE}")
    load = job.spec("load", LoadSpec)
    model, tokenizer = open_model(job.inputs("model")[0].parent, device=job.device, load=load)
    seed = job.seed("lens.jacobian", int(job.wildcard("pair")), job.wildcard("role"))
    corpus = read_parquet(job.input("corpus"))
    save_fitted(job.output("tensors"), mean_jacobians(model, tokenizer, corpus, spec, seed))
