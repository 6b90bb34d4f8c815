"""Choose the items of the facts deck that attacked arms are asked."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.specs.conditions import StressSpec
from residue.world.stress import stress_deck

with stage.open() as job:
    spec = job.spec("stress", StressSpec)
    facts = read_parquet(job.input("facts_deck"))
    job.write_parquet("stress_deck", stress_deck(facts, spec.retain_countries))
