"""Files of outputs by their form, told by name and content where the config does not say it."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from residue.records.outputs import inspect_log, jsonl, lm_eval, open_unlearning
from residue.records.outputs.answered import Answered
from residue.specs.outputs import Outputs
from residue.world.jsonl import Fault, count_kinds

log = logging.getLogger(__name__)

Reader = Callable[[Path, Outputs, str], tuple[list[Answered], list[Fault]]]
READERS: Mapping[str, Reader] = {
    "inspect": inspect_log.read,
    "jsonl": jsonl.read,
    "lm_eval": lm_eval.read,
    "open_unlearning": open_unlearning.read,
}
PEEKED = 1 << 16
"""Characters of a file that are looked at for its form."""


def read_outputs(files: Iterable[tuple[Outputs, Path]]) -> tuple[list[Answered], list[Fault]]:
    """All items of the files in their order, and what was wrong with them.

    `DataError` for a file that is missing or of which nothing is left.
    """
    found, faults = [], []
    for source, path in files:
        form = source.form if source.form != "auto" else form_of(path)
        more, wrong = READERS[form](path, source, str(path))
        log.info("%s: %d items, read as %s", path, len(more), form)
        found += more
        faults += wrong
    for kind, count in count_kinds(faults).items():
        log.info("%d x %s", count, kind)
    return found, faults


def form_of(path: Path) -> str:
    """Which program wrote a file; what nothing else tells is taken for JSONL."""
    if zipfile.is_zipfile(path):
        return "inspect"
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            start = file.read(PEEKED)
    except OSError:
        return "jsonl"  # whose reader says in words what is wrong
    try:
        line = json.loads(start.partition("\n")[0])
    except ValueError:
        line = {}
    if isinstance(line, dict) and "doc_id" in line and "arguments" in line:
        return "lm_eval"
    if '"value_by_index"' in start:
        return "open_unlearning"
    return "inspect" if path.suffix == ".json" and '"eval"' in start else "jsonl"
