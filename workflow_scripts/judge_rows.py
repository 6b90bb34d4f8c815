"""Let a local model judge the base's replies to dev prompts, row by row, and write what it says."""

import logging

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.measure.judged_rows import agreement, as_text, judgements
from residue.measure.row_judge import UNTOUCHED, Budget, chosen_items, judged_replies, local_judge
from residue.models.blocks import describe
from residue.models.opening import open_model
from residue.records.dampened import generations
from residue.records.store import read_generations
from residue.specs.records import RecordsSpec
from residue.specs.representation import RepresentationSpec
from residue.specs.statistics import StatisticsSpec

with stage.open() as job:
    spec, records = job.spec("representation", RepresentationSpec), job.spec("records", RecordsSpec)
    items = chosen_items(read_parquet(job.input("deck")), spec.judge.prompts)
    plain = read_generations(job.input("generations"))
    ask = local_judge(*open_model(job.inputs("judge")[0].parent, device=job.device))
    with open_arm(job.input("arm"), device=job.device) as base:
        rows = spec.candidates(range(describe(base.model).n_blocks + 1))
        table = judged_replies(
            items,
            rows,
            lambda row: plain if row == UNTOUCHED else generations(
                base.model, base.tokenizer, items, records, row, spec.judge.kept
            ),
            ask,
            Budget(spec.judge.seconds),
        )  # fmt: skip
    agreed = agreement(table, job.spec("statistics", StatisticsSpec).level)
    lines = judgements(table, rows, spec.judge, agreed)
    for line in lines:
        logging.getLogger("residue").info("row %d: %s, %s", *line.values())
    job.write_parquet("replies", table)
    job.write_parquet("agreement", agreed)
    job.write_text("judgements", as_text(lines))
