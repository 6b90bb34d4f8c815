"""`residue export`: an arm, its numbers or a deck in the form of another program."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from residue.core import artifacts
from residue.core.text import shown

LONGEST_ANSWER = 32
"""Tokens that a task lets a model say; the answers of this program's decks are shorter."""


class ExportError(ValueError):
    """What cannot be exported; the message says why and what to do."""


def add(commands: Any) -> None:
    """Enter the command in the parser of the command line."""
    told = "an arm as a transformers folder, its numbers as EVAL.json, a deck as a task of lm-eval"
    command = commands.add_parser("export", help=told, description=told)
    command.add_argument("folder", type=Path, help="where to write; must not exist yet")
    command.add_argument("--format", required=True, choices=sorted(FORMATS))
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of the results")
    command.add_argument("--arm", default="base")
    command.add_argument("--pair", type=int, default=0)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--deck", default="facts", help="of lm-eval-task: which deck")
    command.set_defaults(run=main)


def main(chosen: argparse.Namespace) -> int:
    """Write one export and say what it holds."""
    if chosen.folder.exists():
        sys.exit(f"{shown(chosen.folder)} exists; name a folder that does not.")
    try:
        print(shown(FORMATS[chosen.format](chosen), 2000))
    except ExportError as error:
        sys.exit(shown(str(error), 2000))
    return 0


def transformers_folder(chosen: argparse.Namespace) -> str:
    """The arm as a plain model: every edit written into its weights."""
    from residue.edits.arms import open_arm

    file = chosen.out / "arms" / chosen.arm / f"pair{chosen.pair}" / f"seed{chosen.seed}/arm.json"
    _need(file)
    with open_arm(file) as opened:
        reason = opened.merge()
        if reason:
            raise ExportError(
                f"{chosen.arm} cannot be one folder of weights: {reason}; open it with "
                "residue.edits.arms.open_arm, or export an arm whose edits merge."
            )
        opened.model.save_pretrained(chosen.folder)
        opened.tokenizer.save_pretrained(chosen.folder)
    return f"wrote {chosen.folder}: {chosen.arm}, seed {chosen.seed}, for from_pretrained"


def eval_json(chosen: argparse.Namespace) -> str:
    """EVAL.json and SUMMARY.json in open-unlearning's form, and what they lack."""
    from residue.report.eval_json import eval_json as content
    from residue.report.eval_json import summary

    run = f"{chosen.arm}/pair{chosen.pair}/seed{chosen.seed}/plain"
    files = {
        "measurements": chosen.out / "measurements" / run / "facts.parquet",
        "generations": chosen.out / "records" / run / "facts" / "generations.parquet",
        "deck": chosen.out / "world" / "decks" / "facts.parquet",
    }
    for file in files.values():
        _need(file)
    made, absent = content(*(artifacts.read_parquet(file) for file in files.values()))
    chosen.folder.mkdir(parents=True)
    for name, value in (("EVAL", made), ("SUMMARY", summary(made)), ("ABSENT", absent)):
        artifacts.write_json(chosen.folder / f"RESIDUE_{name}.json", value)
    return f"wrote {chosen.folder}: {', '.join(made)}. Absent: {', '.join(absent)}"


def lm_eval_task(chosen: argparse.Namespace) -> str:
    """A task of lm-evaluation-harness that asks a deck's items and wants their exact answers."""
    deck = chosen.out / "world" / "decks" / f"{chosen.deck}.parquet"
    _need(deck)
    items = artifacts.read_parquet(deck)
    items = items[items["answers"].map(len) > 0]
    if not len(items):
        raise ExportError(f"no item of the deck '{chosen.deck}' has an accepted answer.")
    name = "residue_" + re.sub(r"[^a-z0-9]+", "_", f"{chosen.out.name}_{chosen.deck}".lower())
    chosen.folder.mkdir(parents=True)
    lines = [
        json.dumps(
            {
                "item": item["item"],
                "prompt": item["prompt"],
                "answer": item["answers"][0],
                "answers": list(item["answers"]),
                "cluster": item["country"],
                "split": item["split"],
                "language": item["language"],
            },
            ensure_ascii=False,
        )
        for item in items.to_dict("records")
    ]
    data = (chosen.folder / f"{name}.jsonl").resolve()
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    task = TASK.format(name=name, data=json.dumps(str(data)), tokens=LONGEST_ANSWER)
    (chosen.folder / f"{name}.yaml").write_text(task, encoding="utf-8")
    return (
        f"wrote {chosen.folder}: {len(items)} items. Ask them: lm_eval --model hf --model_args "
        f"pretrained=MODEL --include_path {chosen.folder} --tasks {name} --log_samples "
        "--output_path OUTPUTS; the samples are outputs that an arm's `records` reads."
    )


TASK = """# The items of a deck of residue, asked as they are; right is an accepted answer, no more.
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data} # an absolute path: change it where the folder is moved
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs:
  until: ["\\n"]
  do_sample: false
  max_gen_toks: {tokens}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
metadata:
  version: 1.0
"""
FORMATS: Mapping[str, Callable[[argparse.Namespace], str]] = {
    "transformers": transformers_folder,
    "eval-json": eval_json,
    "lm-eval-task": lm_eval_task,
}


def _need(file: Path) -> None:
    if not file.is_file():
        raise ExportError(
            f"{file} does not exist; name a finished run under --out, and an arm and seed of it."
        )
