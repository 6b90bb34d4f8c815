"""Logs of inspect_ai: one JSON document, or a zip (.eval) with one JSON file per sample.

Of several epochs the first counts. A sample that ended in an error has no output and is a fault.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from residue.records.outputs.answered import Answered, texts
from residue.specs.outputs import Outputs
from residue.world.jsonl import DataError, Fault

ZSTANDARD = 93
"""Method of compression, APPNOTE.TXT 4.4.5 of the zip format."""
LOCAL_HEADER = 30
"""Bytes before a file's name; the last four are the lengths of name and extra field (4.3.7)."""
LARGEST = 1 << 28
"""Bytes to which a file of a zip may unpack; a sample is far smaller."""


def read(path: Path, source: Outputs, name: str) -> tuple[list[Answered], list[Fault]]:
    """Every sample with an output; its place in the log stands for the line."""
    found: dict[str, Answered] = {}
    faults = []
    for number, sample in enumerate(_samples(path, name), start=1):
        key = str(sample.get("id", number))
        said = _completion(sample.get("output"))
        if said is None:
            note = "the sample ended without an output"
            faults.append(Fault(name, number, "no output", False, note))
        elif key in found:
            note = f"sample {key} stands there in another epoch too; the first is used"
            faults.append(Fault(name, number, "repeated item", False, note))
        else:
            found[key] = _answered(sample, source, name, number, key, said)
    if not found:
        raise DataError(f"{name}: no sample of this log holds an output; name another log")
    return list(found.values()), faults


def _answered(
    sample: Mapping[str, Any], source: Outputs, name: str, number: int, key: str, said: str
) -> Answered:
    told = sample["metadata"] if isinstance(sample.get("metadata"), Mapping) else {}
    keys = source.columns
    return Answered(
        set=str(told.get(keys.set) or source.set),
        key=key,
        prompt=_input(sample.get("input")),
        answers=texts(sample.get("target")),
        output=said,
        cluster=str(told.get(keys.cluster, "")),
        language=str(told.get(keys.language) or "und"),
        kind=str(told.get(keys.kind) or ""),
        file=name,
        line=number,
    )


def _samples(path: Path, name: str) -> Iterator[Mapping[str, Any]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as log:
                inside = sorted(n for n in log.namelist() if n.startswith("samples/"))
                for each in inside:
                    if log.getinfo(each).file_size > LARGEST:
                        raise DataError(f"{name}: {each} unpacks to more than {LARGEST} bytes")
                    yield json.loads(_unpacked(log, path, log.getinfo(each)))
            return
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"{name}: is no inspect_ai log ({error}); name a .eval or .json") from error
    samples = document.get("samples") if isinstance(document, Mapping) else None
    if not isinstance(samples, Sequence):
        raise DataError(f"{name}: holds no samples; log with samples, not the header alone")
    yield from samples


def _unpacked(log: zipfile.ZipFile, path: Path, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a file of the zip; inspect_ai packs by Zstandard, which `zipfile` leaves out."""
    if info.compress_type != ZSTANDARD:
        return log.read(info)
    import pyarrow as pa

    with path.open("rb") as file:
        file.seek(info.header_offset)
        name, extra = struct.unpack("<HH", file.read(LOCAL_HEADER)[-4:])
        file.seek(name + extra, 1)
        packed = file.read(info.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        return bytes(stream.read(info.file_size))


def _input(value: Any) -> str:
    """The question: a text, or the messages of a chat one under another."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(_content(each.get("content")) for each in value)
    return str(value or "")


def _completion(output: Any) -> str | None:
    if not isinstance(output, Mapping):
        return None
    if isinstance(output.get("completion"), str) and output["completion"]:
        return str(output["completion"])
    choices = output.get("choices") or []
    message = choices[0].get("message") if choices else None
    return _content(message.get("content")) if isinstance(message, Mapping) else None


def _content(content: Any) -> str:
    """A message's text; of its parts those that are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else []
    return "".join(str(p.get("text", "")) for p in parts if isinstance(p, Mapping))
