"""Test, row by row, whether one arm's rows still hold the forget facts, and tell hidden orders."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.models.head import Head
from residue.records.store import read_tokens
from residue.representation.order_rows import order_rows, order_table, pairs_of
from residue.representation.readouts import facts_of
from residue.representation.row_tests import as_tables, groups_of, run_tests
from residue.specs.tests import IndependenceSpec

with stage.open() as job:
    arm, runs = job.wildcard("arm"), job.part("runs")
    spec = job.spec("tests", IndependenceSpec)
    deck = read_parquet(job.input("deck"))
    heads, tokens, known = job.inputs("heads"), job.inputs("tokens"), job.inputs("known")
    asked = []
    for pair, file in enumerate(tokens):
        head = Head.load(*heads[2 * pair : 2 * pair + 2])
        read = read_tokens(file, ["item", "part", "position", "id"])
        facts = facts_of(deck, read, head.tensors["unembedding.weight"], job.part("cell"))
        sure = read_parquet(known[pair])
        asked.append((facts, groups_of(facts, deck, set(sure.loc[sure["known"], "item"]))))
    lines, items = [], []
    for (pair, seed), path in zip(runs, job.inputs("rows"), strict=True):
        facts, groups = asked[pair]
        found = run_tests(path, facts, groups, spec, arm=arm, pair=pair, seed=seed)
        lines += found[0]
        items += found[1]
    tables = as_tables(lines, items)
    job.write_parquet("lines", tables[0])
    job.write_parquet("scores", tables[1])
    orders = []
    for path in job.inputs("order_deck"):
        pairs = pairs_of(read_parquet(path))
        for (pair, seed), rows in zip(runs, job.inputs("order_rows"), strict=True):
            orders += order_rows(rows, pairs, arm=arm, pair=pair, seed=seed)
    job.write_parquet("orders", order_table(orders))
