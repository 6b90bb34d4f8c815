"""Reads users' JSONL files: each line becomes a row, or a fault that says where, what and the mend.

A fault never disappears: lines that cannot be used are left out and listed, small damage is
repaired and listed, and a file of which nothing is left stops the run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOM = b"\xef\xbb\xbf"


class DataError(ValueError):
    """A file that cannot be used at all; the message names the file, the line and the mend."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with a line, or with a whole file (line 0)."""

    file: str
    line: int
    kind: str
    """A few words that are the same for the same kind of fault."""
    kept: bool
    """Whether the line's item is used nevertheless."""
    note: str
    """What was found, and what was done or mends it."""


@dataclass(frozen=True)
class Row:
    """One usable line."""

    line: int
    values: dict[str, Any]


def read_rows(path: Path | str, *, name: str | None = None) -> tuple[list[Row], list[Fault]]:
    """The objects of a JSONL file by line (from 1), and every fault on the way.

    Lines end with LF or CRLF; a byte order mark is skipped. `name` stands for the file in messages.
    DataError for a file that is missing, empty, a JSON array, or has no usable line.
    """
    name = name or str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}); check its path") from error
    faults: list[Fault] = []
    if content.startswith(BOM):
        content = content[len(BOM) :]
        faults.append(Fault(name, 1, "byte order mark", True, "skipped"))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name}: is UTF-16; save it as UTF-8")
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()  # what follows the newline of the last line is no line
    returns = sum(line.endswith(b"\r") for line in lines)
    if returns:
        faults.append(Fault(name, 0, "CRLF line ends", True, f"read as LF on {returns} lines"))
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        found = _parse(line.strip(b" \t\r"), number, name)
        if isinstance(found, Row):
            rows.append(found)
        else:
            faults.append(found)
    if not rows:
        raise DataError(_nothing_left(name, faults))
    return rows, sorted(faults, key=lambda fault: fault.line)


def count_kinds(faults: Iterable[Fault]) -> dict[str, int]:
    """Number of faults of each kind, commonest first."""
    return dict(Counter(fault.kind for fault in faults).most_common())


def _parse(line: bytes, number: int, name: str) -> Row | Fault:
    def fault(kind: str, note: str) -> Fault:
        return Fault(name, number, kind, False, note)

    if not line:
        return fault("empty line", "skipped; delete it")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return fault("not UTF-8", f"byte {error.start + 1}: {error.reason}; save it as UTF-8")
    if number == 1 and text.startswith("[") and not text.endswith("]"):
        raise DataError(_array(name))
    try:
        values = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        return fault("not JSON", f"column {error.colno}: {error.msg}; one JSON object per line")
    except UnicodeEncodeError:
        return fault("half a character", "holds a lone surrogate (\\ud800 …); write it whole")
    except RecursionError:
        return fault("not JSON", "is nested too deeply; flatten it")
    except ValueError as error:
        return fault("not JSON", str(error))
    if number == 1 and isinstance(values, list) and any(isinstance(v, dict) for v in values):
        raise DataError(_array(name))
    if not isinstance(values, dict):
        return fault("not an object", f"is {_kind(values)}; one JSON object per line")
    return Row(number, values)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"gives the key '{twice}' twice; keep one of them")
    return values


def _no_constant(word: str) -> Any:
    raise ValueError(f"holds {word}, which JSON does not know; write null or a number")


def _kind(value: Any) -> str:
    words = {str: "a text", list: "a list", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


def _array(name: str) -> str:
    return (
        f"{name}: line 1: is a JSON array; write one object per line: python -c 'import json, sys; "
        f"[print(json.dumps(x)) for x in json.load(sys.stdin)]' < FILE.json > {Path(name).name}"
    )


def _nothing_left(name: str, faults: Sequence[Fault]) -> str:
    bad = [fault for fault in faults if not fault.kept and fault.kind != "empty line"]
    if not bad:
        return f"{name}: is empty; give it one JSON object per line"
    shown = "; ".join(f"line {fault.line}: {fault.kind}, {fault.note}" for fault in bad[:3])
    return f"{name}: no line can be used ({shown}); mend the file"
