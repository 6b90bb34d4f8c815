"""Stop before any lens table is made from a model that is not what lenses take it for."""

import logging

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.lens.observation import a_few, observe
from residue.lens.selftest import as_table, judge, require
from residue.models.encoding import encode_prompts, pad_id
from residue.models.head import Head

with stage.open() as job:
    prompts = a_few(read_parquet(job.input("deck"))["prompt"].tolist())
    with open_arm(job.input("arm"), device=job.device) as arm:
        ids = encode_prompts(arm.tokenizer, [arm.prompt(text) for text in prompts])
        with arm.before_head() as model:
            seen = observe(model, ids, pad_id(arm.tokenizer))
        edited = [edit.row for edit in arm.edits if hasattr(edit, "row")]
    checks = judge(seen, Head.load(*job.inputs("head")), edited=edited)
    for check in checks:
        logging.info("%s", check)
    name = f"arm {job.wildcard('arm')}, pair {job.wildcard('pair')}, seed {job.wildcard('seed')}"
    require(checks, name)
    job.write_parquet("checks", as_table(checks))
