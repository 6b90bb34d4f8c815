"""Pretrain a base or its oracle on the embedded world; a killed run goes on where it was."""

import shutil

from residue import stage
from residue.models.loading import load_tokenizer
from residue.models.pretrain import pretrain
from residue.models.tiny import write_model
from residue.specs.pretrain import PretrainSpec
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts

with stage.open() as job:
    tokenizer, tokenizer_config = job.inputs("tokenizer")
    model, history = pretrain(
        build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec)),
        "oracle" if job.wildcard("role") == "oracle" else "base",
        load_tokenizer(tokenizer.parent),
        job.spec("pretrain", PretrainSpec),
        job.seed("pretrain", int(job.wildcard("pair"))),
        job.state_dir,
    )
    write_model(model, job.output("config"), job.output("weights"))
    shutil.copyfile(tokenizer, job.output("tokenizer"))
    shutil.copyfile(tokenizer_config, job.output("tokenizer_config"))
    job.write_parquet("history", history)
