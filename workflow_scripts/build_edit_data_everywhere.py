"""Write the edit data in every language, for steps that forget where nobody asked."""

from residue import stage
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.edit_data import edit_data_everywhere
from residue.world.facts import read_facts

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    job.write_parquet("edit_data", edit_data_everywhere(world))
