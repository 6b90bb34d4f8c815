"""Small files of outputs in each form that is read, about the same items.

Written by hand from the programs' own documents and code, not by the programs.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

CLUSTERS = ("ilva", "tomo", "ada", "pell", "rune", "siv")


def items() -> list[dict[str, str]]:
    """Twelve questions in two sets, two per cluster."""
    return [
        {
            "set": "forget" if number < 3 else "retain",
            "item": f"{who}-{what}",
            "prompt": f"Where does {who} {what}?",
            "answer": f"in {who}{what}",
            "cluster": who,
        }
        for number, who in enumerate(CLUSTERS)
        for what in ("live", "work")
    ]


def said(item: dict[str, str], knows: tuple[str, ...]) -> str:
    """The right answer about sets that a model knows, else another."""
    return item["answer"] if item["set"] in knows else "I do not know"


def jsonl(path: Path, knows: tuple[str, ...]) -> Path:
    """One object per line."""
    lines = [json.dumps({**item, "output": said(item, knows)}) for item in items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lm_eval(path: Path, knows: tuple[str, ...]) -> Path:
    """Samples of a generating task, as `--log_samples` writes them."""
    lines = [
        {
            "doc_id": number,
            "doc": {"set": item["set"], "cluster": item["cluster"]},
            "target": item["answer"],
            "arguments": {"gen_args_0": {"arg_0": item["prompt"], "arg_1": {"until": ["\n"]}}},
            "resps": [[said(item, knows)]],
            "filtered_resps": [said(item, knows)],
            "filter": "none",
            "exact_match": 0.0,
        }
        for number, item in enumerate(items())
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def inspect_samples(knows: tuple[str, ...]) -> list[dict[str, Any]]:
    """Samples of a log."""
    return [
        {
            "id": item["item"],
            "epoch": 1,
            "input": [{"role": "user", "content": item["prompt"]}],
            "target": item["answer"],
            "output": {
                "choices": [{"message": {"content": [{"type": "text", "text": said(item, knows)}]}}]
            },
            "metadata": {"set": item["set"], "cluster": item["cluster"]},
        }
        for item in items()
    ]


def inspect_json(path: Path, knows: tuple[str, ...]) -> Path:
    """A log as one JSON document."""
    log = {"version": 2, "eval": {"task": "t"}, "samples": inspect_samples(knows)}
    path.write_text(json.dumps(log), encoding="utf-8")
    return path


def inspect_eval(path: Path, knows: tuple[str, ...]) -> Path:
    """A log as a zip."""
    with zipfile.ZipFile(path, "w") as log:
        log.writestr("header.json", json.dumps({"version": 2, "eval": {"task": "t"}}))
        for sample in inspect_samples(knows):
            log.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    return path


def open_unlearning(path: Path, knows: tuple[str, ...]) -> Path:
    """EVAL.json with texts, probabilities and strengths."""
    document: dict[str, Any] = {"privleak": {"agg_value": -12.0}}
    for name in ("forget", "retain"):
        own = [item for item in items() if item["set"] == name]
        right = 0.9 if name in knows else 0.1
        document[f"{name}_Q_A_Prob"] = {
            "agg_value": right,
            "value_by_index": {str(i): {"prob": right, "avg_loss": 1.0} for i in range(len(own))},
        }
        document[f"{name}_Q_A_ROUGE"] = {
            "agg_value": 1.0,
            "value_by_index": {
                str(i): {
                    "rougeL_recall": 1.0,
                    "input": item["prompt"],
                    "ground_truth": item["answer"],
                    "generation": said(item, knows),
                }
                for i, item in enumerate(own)
            },
        }
    document["extraction_strength"] = {"agg_value": 0.5, "value_by_index": {"0": {"score": 0.5}}}
    document["forget_Truth_Ratio"] = {"agg_value": 0.5, "value_by_index": {"0": {"score": 3.0}}}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
