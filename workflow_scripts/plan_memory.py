"""Plan the memory of every update from the base's config; stop where one cannot fit."""

import logging

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.feed import Shown
from residue.edits.planning import as_text, memory_of, plan_run, require_fit
from residue.models.loading import load_tokenizer
from residue.models.memory import GIB
from residue.specs.arms import ArmSpec
from residue.specs.conditions import ConditionSpec
from residue.specs.model import LoadSpec

with stage.open() as job:
    wished = job.part("memory_gib")
    defence = job.inputs("defence")
    shown = Shown(
        load_tokenizer(job.inputs("tokenizer")[0].parent),
        read_parquet(job.input("edit_data")),
        read_parquet(defence[0]) if defence else None,
    )
    table = plan_run(
        job.inputs("model")[0].parent,
        job.spec("load", LoadSpec),
        job.specs("arms", ArmSpec),
        shown,
        attacks={name: each.built() for name, each in job.specs("attacks", ConditionSpec).items()},
        device=job.device,
        limit=wished * GIB if wished else memory_of(job.device),
    )
    for line in ("GiB per job:", *as_text(table).split("\n")):
        logging.getLogger("residue").info("%s", line)
    require_fit(table)
    job.write_parquet("plan", table)
