"""Write the corpus on which lenses and SAEs are fitted, from users' own items."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.specs.streams import StreamsSpec
from residue.world.corpus import own_corpus

with stage.open() as job:
    corpus = own_corpus(
        read_parquet(job.input("deck")),
        read_parquet(job.input("edit_data")),
        job.spec("streams", StreamsSpec),
    )
    job.write_parquet("corpus", corpus)
