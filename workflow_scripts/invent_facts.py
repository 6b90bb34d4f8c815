"""Write a fact table of invented countries."""

from residue import stage
from residue.specs.world import WorldSpec
from residue.world.facts import read_facts
from residue.world.invented import invented_table

with stage.open() as job:
    real = read_facts(job.input("real"))
    job.write_text("facts", invented_table(real, job.spec("world", WorldSpec)))
