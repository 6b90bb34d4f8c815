"""Pretrain a base or its oracle on the embedded world; a killed run goes on where it was."""

import os
import shutil

from residue import stage
from residue.models.loading import load_tokenizer
from residue.models.pretrain import pretrain
from residue.specs.pretrain import PretrainSpec
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts

with stage.open() as job:
    tokenizer_files = {path.name: path for path in job.inputs("tokenizer")}
    model, history = pretrain(
        build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec)),
        "oracle" if job.wildcard("role") == "oracle" else "base",
        load_tokenizer(tokenizer_files["tokenizer.json"].parent),
        job.spec("pretrain", PretrainSpec),
        job.seed("pretrain", int(job.wildcard("pair"))),
        job.state_dir,
    )
    saved = job.state_dir / "model"
    model.save_pretrained(saved)
    os.replace(saved / "config.json", job.output("config"))
    os.replace(saved / "model.safetensors", job.output("weights"))
    shutil.copyfile(tokenizer_files["tokenizer.json"], job.output("tokenizer"))
    shutil.copyfile(tokenizer_files["tokenizer_config.json"], job.output("tokenizer_config"))
    job.write_parquet("history", history)
