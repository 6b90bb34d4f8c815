"""Samples of lm-evaluation-harness (`--log_samples`): one JSONL line per document and filter.

A multiple-choice task has no output: the choice with the highest log-likelihood is taken for one,
and the target's place for its text, so that an exact answer is the harness's `acc`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from residue.records.outputs.answered import Answered, texts
from residue.specs.outputs import Outputs
from residue.world.jsonl import Fault, read_rows


def read(path: Path, source: Outputs, name: str) -> tuple[list[Answered], list[Fault]]:
    """Every document; of several filters the first line counts."""
    rows, faults = read_rows(path, name=name)
    found: dict[str, Answered] = {}
    for row in rows:
        key = str(row.values.get("doc_id", row.line))
        requests = _requests(row.values.get("arguments"))
        said = _said(row.values.get("filtered_resps") or row.values.get("resps"), requests)
        if not requests or said is None:
            note = "holds no arguments with responses; log it with --log_samples"
            faults.append(Fault(name, row.line, "no output", False, note))
        elif key in found:
            note = f"document {key} stands at line {found[key].line} too; used once"
            faults.append(Fault(name, row.line, "repeated item", False, note))
        else:
            found[key] = _answered(row.values, source, name, row.line, key, requests, said)
    return list(found.values()), faults


def _answered(
    values: Mapping[str, Any],
    source: Outputs,
    name: str,
    line: int,
    key: str,
    requests: Sequence[tuple[str, str]],
    said: str,
) -> Answered:
    document = values["doc"] if isinstance(values.get("doc"), Mapping) else {}
    wanted = texts(values.get("target"))
    if len(requests) > 1:
        places = [int(each) for each in wanted if each.strip().isdigit()]
        wanted = tuple(requests[p][1].strip() for p in places if p < len(requests)) or wanted
    keys = source.columns
    return Answered(
        set=str(document.get(keys.set) or source.set),
        key=str(document.get(keys.item, key)),
        prompt=requests[0][0],
        answers=tuple(each.strip() for each in wanted),
        output=said,
        cluster=str(document.get(keys.cluster, "")),
        language=str(document.get(keys.language) or "und"),
        kind=str(document.get(keys.kind) or ""),
        file=name,
        line=line,
    )


def _requests(arguments: Any) -> list[tuple[str, str]]:
    """(context, continuation) of each request, in either form that the harness has written."""
    if isinstance(arguments, Mapping):
        arguments = [list(each.values()) for each in arguments.values()]
    if not isinstance(arguments, Sequence):
        return []
    return [
        (str(each[0]), str(each[1]) if len(each) > 1 and isinstance(each[1], str) else "")
        for each in arguments
        if isinstance(each, Sequence) and each and isinstance(each[0], str)
    ]


def _said(responses: Any, requests: Sequence[tuple[str, str]]) -> str | None:
    """A generated text, or the likeliest choice."""
    if not isinstance(responses, Sequence) or not responses:
        return None
    first = responses[0]
    while isinstance(first, Sequence) and not isinstance(first, str) and len(first) == 1:
        first = first[0]
    if isinstance(first, str):
        return first
    scores = [_log_likelihood(each) for each in responses]
    if len(scores) != len(requests) or None in scores:
        return None
    best = max(range(len(scores)), key=lambda place: scores[place] or 0.0)
    return requests[best][1].strip()


def _log_likelihood(response: Any) -> float | None:
    """The number of a (log-likelihood, is greedy) pair, however deep and however written."""
    while isinstance(response, Sequence) and not isinstance(response, str) and response:
        response = response[0]
    try:
        return float(response)
    except (TypeError, ValueError):
        return None
