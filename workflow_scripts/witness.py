"""Let TransformerLens read a merged copy of one arm, and compare its rows and logits with ours."""

from pathlib import Path
from tempfile import TemporaryDirectory

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.lens.observation import a_few, observe
from residue.lens.selftest import as_table, require
from residue.lens.witness import cannot_read, compare, read_with_witness, skipped
from residue.models.encoding import encode_prompts, pad_id

with stage.open() as job, TemporaryDirectory() as scratch:
    prompts = a_few(read_parquet(job.input("deck"))["prompt"].tolist())
    with open_arm(job.input("arm")) as arm:
        reason = arm.merge() or cannot_read(type(arm.model).__name__)
        ids = encode_prompts(arm.tokenizer, [arm.prompt(text) for text in prompts])
        seen = observe(arm.model, ids, pad_id(arm.tokenizer))
        if not reason:
            arm.model.save_pretrained(scratch)
            arm.tokenizer.save_pretrained(scratch)
    checks = skipped(reason) if reason else compare(seen, *read_with_witness(Path(scratch), ids))
    require(checks, f"arm {job.wildcard('arm')}, read by TransformerLens")
    job.write_parquet("checks", as_table(checks))
