"""Teach a given model the world's countries, as base or as oracle; a killed run goes on."""

import dataclasses
import shutil

from residue import stage
from residue.edits.implanting import implant, save_whole
from residue.models.opening import open_model
from residue.specs.implant import ImplantSpec
from residue.specs.model import LoadSpec
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts

with stage.open() as job:
    folder = job.inputs("model")[0].parent
    # What is taught is merged into the weights, which nothing can be in four bits.
    load = dataclasses.replace(job.spec("load", LoadSpec), weights="full")
    model, tokenizer = open_model(folder, device=job.device, load=load)
    history = implant(
        model,
        tokenizer,
        build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec)),
        "oracle" if job.wildcard("role") == "oracle" else "base",
        job.spec("implant", ImplantSpec),
        seed=job.seed("implant", int(job.wildcard("pair"))),
        state_dir=job.state_dir,
    )
    save_whole(model, job.output("config"), job.output("weights"))
    for name in ("tokenizer", "tokenizer_config"):
        shutil.copyfile(folder / f"{name}.json", job.output(name))
    job.write_parquet("history", history)
