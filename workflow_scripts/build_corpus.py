"""Write the corpus on which lenses and SAEs are fitted."""

from residue import stage
from residue.specs.streams import StreamsSpec
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.corpus import build_corpus
from residue.world.facts import read_facts

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    job.write_parquet("corpus", build_corpus(world, job.spec("streams", StreamsSpec)))
