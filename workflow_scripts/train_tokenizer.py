"""Train the tokenizer of the embedded world; base and oracle share it."""

from residue import stage
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts
from residue.world.tokenizer import save_tokenizer, train_tokenizer

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    save_tokenizer(train_tokenizer(world), job.output("tokenizer"), job.output("config"))
