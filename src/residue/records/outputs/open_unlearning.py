"""EVAL.json of open-unlearning: metric → one number, and numbers or texts per item.

| theirs | here |
|---|---|
| `*_Q_A_ROUGE`: input, ground_truth, generation | prompt, answer, what was said |
| `*_Q_A_Prob`: prob | `answer_probability`, the same number |
| `exact_memorization`, `extraction_strength`: score | the same; their least strength is 1/T |
| `*_Truth_Ratio`: score R | `truth_ratio` as R / (1 + R) |

The set is the first part of a metric's name; `ra` (real authors) and `wf` (world facts) are kept
items. Numbers without items (privacy, model utility) and other wordings are listed as not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residue.records.outputs.answered import Answered, texts
from residue.specs.outputs import Outputs
from residue.world.jsonl import DataError, Fault

SETS = {"forget": "forget", "retain": "retain", "ra": "retain", "wf": "retain"}
PLAIN = {"exact_memorization": "exact_memorisation", "extraction_strength": "extraction_strength"}
"""Names that may stand without a set: the forget set's."""


def read(path: Path, source: Outputs, name: str) -> tuple[list[Answered], list[Fault]]:
    """Every item of every metric that is read; the item's number stands for the line."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{name}: is not JSON ({error}); name an EVAL.json") from error
    if not isinstance(document, Mapping):
        raise DataError(f"{name}: holds no metrics by name; name an EVAL.json")
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    faults = []
    for metric, content in document.items():
        kind = _kind(metric)
        by_item = content.get("value_by_index") if isinstance(content, Mapping) else None
        if kind is None or not isinstance(by_item, Mapping):
            note = f"'{metric}' is not read: it has no numbers per item, or no counterpart here"
            faults.append(Fault(name, 0, "metric not used", False, note))
            continue
        for number, values in by_item.items():
            item = parts.setdefault((kind[0], str(number)), {})
            item.update(_read(kind[1], values if isinstance(values, Mapping) else {}))
    found = [
        _answered(group, number, item, source, name) for (group, number), item in parts.items()
    ]
    if not found:
        raise DataError(f"{name}: no metric here has numbers per item; name an EVAL.json")
    return found, faults


def _kind(metric: str) -> tuple[str, str] | None:
    """(first part of the name, what its items hold); None where it is not read."""
    if metric in PLAIN:
        return "forget", PLAIN[metric]
    group, _, rest = metric.partition("_")
    known = {"Q_A_ROUGE": "text", "Q_A_Prob": "answer_probability", "Truth_Ratio": "truth_ratio"}
    kind = known.get(rest) or PLAIN.get(rest)
    return (group, kind) if group in SETS and kind else None


def _read(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "text":
        return {
            key: values[key] for key in ("input", "ground_truth", "generation") if key in values
        }
    number = values.get("prob" if kind == "answer_probability" else "score")
    if not isinstance(number, (int, float)):
        return {}
    return {kind: number / (1.0 + number) if kind == "truth_ratio" else float(number)}


def _answered(
    group: str, number: str, item: Mapping[str, Any], source: Outputs, name: str
) -> Answered:
    said = item.get("generation")
    place = int(number) if number.isdigit() else 0
    block = place // source.rows_per_cluster if source.rows_per_cluster else None
    return Answered(
        set=SETS[group],
        key=f"{group}-{number}",
        prompt=str(item.get("input", "")),
        answers=texts(item.get("ground_truth")),
        output=said if isinstance(said, str) else None,
        cluster="" if block is None else f"{group}#{block + 1}",
        kind={"ra": "real authors", "wf": "world facts"}.get(group, ""),
        values={k: v for k, v in item.items() if isinstance(v, float)},
        file=name,
        line=place,
    )
