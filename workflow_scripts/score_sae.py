"""Score the SAEs of one chosen row on held-out tokens, and spliced into the base."""

from residue import stage
from residue.models.encoding import pad_id
from residue.models.opening import open_model
from residue.records.stream import StreamFile
from residue.sae.folders import read_saes
from residue.sae.scores import CHUNK, score_rows, score_table
from residue.sae.splice import spliced_scores
from residue.sae.texts import token_texts
from residue.specs.model import LoadSpec
from residue.specs.sae import SaeSpec

with stage.open() as job:
    spec, stream = job.spec("sae", SaeSpec), StreamFile(job.input("stream"))
    saes = read_saes(job.input("config").parent, job.input("beside"), spec, job.inputs("model"))
    row = next(iter(saes.values())).row
    made = [
        (name, *score_rows(sae, stream.batches(row, "held_out", CHUNK, 0)))
        for name, sae in saes.items()
    ]
    load = job.spec("load", LoadSpec)
    model, tokenizer = open_model(job.inputs("model")[0].parent, device=job.device, load=load)
    texts = token_texts(stream.read_all("held_out"), tokenizer.bos_token_id)
    live = {name: sae.live.to(job.device) for name, sae in saes.items()}
    scores, predictions = spliced_scores(model, list(texts.values()), row, live, pad_id(tokenizer))
    made += [(name, each, predictions) for name, each in scores.items()]
    job.write_parquet("scores", score_table(made))
