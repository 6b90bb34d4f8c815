"""Find which facts the base knows, decided on other templates than the one scored."""

from residue import stage
from residue.core.artifacts import read_parquets
from residue.measure.known import find_known, without_base
from residue.specs.measures import KnownSpec

with stage.open() as job:
    decks = read_parquets(job.inputs("decks"))
    known = (
        find_known(read_parquets(job.inputs("measurements")), decks, job.spec("known", KnownSpec))
        if job.inputs("measurements")
        else without_base(decks)
    )
    job.write_parquet("known", known.assign(pair=int(job.wildcard("pair"))))
