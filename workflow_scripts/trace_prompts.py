"""Keep what one arm holds at every row and position of a few prompts."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.records.traces import trace, traced_items

with stage.open() as job:
    items = traced_items(
        read_parquet(job.input("deck")), read_parquet(job.input("known")), job.part("traced")
    )
    with open_arm(job.input("arm"), device=job.device) as arm:
        job.write_parquet("traces", trace(arm.model, arm.tokenizer, items))
