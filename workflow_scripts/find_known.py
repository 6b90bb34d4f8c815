"""Find which facts the base knows, decided on other templates than the one scored."""

from residue import stage
from residue.core.artifacts import read_parquet, read_parquets
from residue.measure.known import find_known
from residue.specs.measures import KnownSpec

with stage.open() as job:
    known = find_known(
        read_parquet(job.input("measurements")),
        read_parquets(job.inputs("decks")),
        job.spec("known", KnownSpec),
    )
    job.write_parquet("known", known.assign(pair=int(job.wildcard("pair"))))
