"""Pick the latents of one chosen row that stand for what is to be forgotten."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.models.encoding import pad_id
from residue.models.opening import open_model
from residue.records.stream import StreamFile
from residue.sae.features import Witness, pick
from residue.sae.folders import read_saes
from residue.sae.splice import pulls
from residue.sae.sums import Places, sum_codes
from residue.sae.texts import forget_rows, some_texts, token_texts
from residue.specs.model import LoadSpec
from residue.specs.sae import SaeSpec

with stage.open() as job:
    spec, stream = job.spec("sae", SaeSpec), StreamFile(job.input("stream"))
    corpus, seed = read_parquet(job.input("corpus")), job.seed("features", job.wildcard("pair"))
    saes = read_saes(job.input("config").parent, job.input("beside"), spec, job.inputs("model"))
    saes = {shape.name: saes[shape.name] for shape in spec.twins}
    row = next(iter(saes.values())).row
    load = job.spec("load", LoadSpec)
    model, tokenizer = open_model(job.inputs("model")[0].parent, device=job.device, load=load)
    texts = token_texts(stream.read_all("fit"), tokenizer.bos_token_id)
    names = some_texts(corpus, texts, spec.features.texts, seed)
    taken = pulls(model, [texts[name] for name in names], row, pad_id(tokenizer))
    sums = sum_codes(
        saes, Places(corpus), stream.in_order(row, "fit"),
        ((names[number], h, pull) for number, h, pull in taken),
    )  # fmt: skip
    chosen, *others = [Witness(saes[name], sums[name]) for name in saes]
    forget = forget_rows(corpus, stream.in_order(row, "fit"))
    job.write_parquet("features", pick(chosen, others, forget, spec.features, seed))
