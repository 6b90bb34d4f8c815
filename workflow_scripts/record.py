"""Record what one arm says, reads and holds for the items of one deck."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import arm_file_of, open_arm
from residue.records.recorder import record
from residue.records.store import write_records
from residue.specs.records import RecordsSpec

with stage.open() as job:
    spec = job.spec("records", RecordsSpec)
    items = read_parquet(job.input("deck"))
    file = arm_file_of(job.input("arm"), job.wildcard("condition"))
    with open_arm(file, device=job.device) as arm:
        items = items.assign(prompt=[arm.prompt(text) for text in items["prompt"]])
        detached = arm.detached if arm.arm["steps"] else None
        batches = job.watched(
            record(
                arm.model, arm.tokenizer, items, spec, detached=detached,
                prefill=arm.arm.get("prefill", 0),
            ),
            len(items), "items", lambda batch: batch.generations.num_rows,
        )  # fmt: skip
        outputs = [job.output(name) for name in ("generations", "tokens", "rows")]
        write_records(batches, *outputs)
