"""Outputs as JSONL: one object per line with prompt, answer and what the model said."""

from __future__ import annotations

from pathlib import Path

from residue.records.outputs.answered import Answered, texts
from residue.specs.outputs import Outputs
from residue.world.jsonl import Fault, read_rows


def read(path: Path, source: Outputs, name: str) -> tuple[list[Answered], list[Fault]]:
    """Every line that holds an output; a line without one is a fault."""
    rows, faults = read_rows(path, name=name)
    keys, found = source.columns, []
    for row in rows:
        said = row.values.get(keys.output)
        if not isinstance(said, str):
            note = f"holds no text under '{keys.output}'; name the key under columns.output"
            faults.append(Fault(name, row.line, "no output", False, note))
            continue
        found.append(
            Answered(
                set=str(row.values.get(keys.set) or source.set),
                key=str(row.values.get(keys.item, "")),
                prompt=str(row.values.get(keys.prompt, "")),
                answers=texts(row.values.get(keys.answer)),
                output=said,
                cluster=str(row.values.get(keys.cluster, "")),
                language=str(row.values.get(keys.language) or "und"),
                kind=str(row.values.get(keys.kind) or ""),
                file=name,
                line=row.line,
            )
        )
    return found, faults
