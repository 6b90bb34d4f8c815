"""Exchange rows between attacked prompts and their clean twins, in one arm."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.lens.twin_pairs import chosen_twins
from residue.lens.twins import exchange

with stage.open() as job:
    items = chosen_twins(read_parquet(job.input("deck")), job.part("twins"))
    with open_arm(job.input("arm"), device=job.device) as arm:
        job.write_parquet("twins", exchange(arm.model, arm.tokenizer, arm.prompt, items))
