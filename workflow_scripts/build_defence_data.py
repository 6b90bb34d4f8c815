"""Write what a defence is shown: twins with and without a hidden order, and what it must keep."""

from residue import stage
from residue.specs.orders import DefenceData
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts
from residue.world.injection.defence import defence_data

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    job.write_parquet("defence_data", defence_data(world, job.spec("defence", DefenceData)))
