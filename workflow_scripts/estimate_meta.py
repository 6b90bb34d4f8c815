"""Try the metrics themselves: on bases, oracles, liars, and under attack."""

from residue import stage
from residue.core.artifacts import read_parquets
from residue.report.meta import meta_table, read_published
from residue.specs.meta import MetaSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    plain, attacked = read_parquets(job.inputs("plain")), job.inputs("attacked")
    table = meta_table(
        plain,
        read_parquets(attacked) if attacked else plain.iloc[:0],
        read_parquets(job.inputs("decks")),
        read_parquets(job.inputs("known")),
        job.part("attacks"),
        read_published(job.input("published")),
        job.spec("meta", MetaSpec),
        job.spec("statistics", StatisticsSpec),
    )
    job.write_parquet("meta", table)
