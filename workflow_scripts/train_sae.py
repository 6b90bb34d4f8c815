"""Train the SAEs of one chosen row of the base, all in one pass over its stream."""

from residue import stage
from residue.core.artifacts import read_json
from residue.records.stream import StreamFile
from residue.sae.files import save_sae, write_config, write_weights
from residue.sae.origin import origin
from residue.sae.training import train_saes
from residue.specs.sae import SaeSpec

with stage.open() as job:
    spec = job.spec("sae", SaeSpec)
    pair, choice = job.wildcard("pair"), int(job.wildcard("choice"))
    row = read_json(job.input("layers"))["rows"][choice]
    stream = StreamFile(job.input("stream"))
    trained, history = train_saes(
        lambda number: stream.batches(
            row, "fit", spec.training.batch, job.seed("sae batches", pair, choice, number)
        ),
        spec.shapes, spec.training,
        row=row, seed=job.seed("sae", pair, choice), state_dir=job.state_dir,
    )  # fmt: skip
    first, *rest = trained
    made = origin(job.inputs("model"), first, spec.training, job.part("load")["layout"])
    write_config(job.output("config"), first.sae, made)
    write_weights(job.output("weights"), first.sae)
    beside = job.output_folder("beside")
    for other in rest:
        made = origin(job.inputs("model"), other, spec.training, job.part("load")["layout"])
        save_sae(beside / other.shape.name, other.sae, made)
    job.write_parquet("history", history)
