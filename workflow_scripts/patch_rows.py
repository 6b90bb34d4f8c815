"""Put rows of the oracle and of one arm into the base, and see what that takes from answers."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.lens.patched_depth import chosen, table
from residue.lens.patching import ask, patched, reworded, source_rows, spoken
from residue.models.encoding import pad_id
from residue.specs.patching import PatchingSpec

with stage.open() as job:
    spec = job.spec("patching", PatchingSpec)
    items = chosen(read_parquet(job.input("deck")), spec)
    known = read_parquet(job.input("known"))
    with open_arm(job.input("base"), device=job.device) as base:
        asked = ask(base.model, base.tokenizer, items, set(known.loc[known["known"], "item"]))
        fill = pad_id(base.tokenizer)
    # One model at a time: of the sources only the rows are kept.
    rows = []
    for name in ("oracle", "arm"):
        with open_arm(job.input(name), device=job.device) as source:
            own = reworded(asked, source.tokenizer, items, source.prompt)
            rows.append(source_rows(source.model, own, fill))
    with open_arm(job.input("base"), device=job.device) as base:
        plain, with_rows = patched(base.model, asked, fill, rows)
    queries = asked.queries
    made = table(
        [query.item for query in queries],
        [len(spoken(query)) for query in queries],
        plain, with_rows, asked.missing, spec.threshold,
    )  # fmt: skip
    job.write_parquet("patching", made)
