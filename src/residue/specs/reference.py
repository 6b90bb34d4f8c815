"""The reference of the config, made from the typed specs: the schema and the table of every key."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from residue.specs.config import Config
from residue.specs.fields import Named, default_of, merged_over, plain
from residue.specs.schema import (
    about,
    changed,
    docs_of,
    mark_of,
    options_of,
    schema_of,
    typed_fields,
)

COMMAND = "residue reference --write"
_WORDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    type(None): "null",
}
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_HEAD = "| key | type | default | what it is |\n|---|---|---|---|"


class Key(NamedTuple):
    """One line of the reference."""

    path: str
    type: str
    default: Any
    """`dataclasses.MISSING` where the key is needed or is a section."""
    needed: bool
    text: str


def documents() -> dict[str, str]:
    """The generated files of ``config/``: name → text."""
    schema = json.dumps(schema_of(Config), indent=2, ensure_ascii=False, allow_nan=False)
    return {"schema.json": schema + "\n", "README.md": page()}


def stale(folder: Path) -> list[str]:
    """Names of the generated files that are not what the specs say."""
    return [
        name
        for name, text in documents().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def write(folder: Path) -> None:
    """Write the generated files anew."""
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


def page() -> str:
    """``config/README.md``: every key with its path, type, default and meaning."""
    parts = [_PREFACE, "## Sections", _sections()]
    for field, kind in typed_fields(Config):
        lines = [_row(key) for key in keys(kind, default_of(field), field.name)]
        if lines:
            parts += [f"## {field.name}", docs_of(Config)[field.name], "\n".join([_HEAD, *lines])]
        parts += _default_entries(field, kind)
    parts += ["## Methods and their options", _METHODS]
    for mark in dict.fromkeys(_marks(Config)):
        parts += _method_tables(mark)
    return "\n\n".join(parts) + "\n"


def keys(kind: Any, default: Any, path: str) -> Iterator[Key]:
    """The keys of a section, depth first. ``<name>`` stands for a name of your own, ``[]`` for each
    entry of a list. Nothing for a plain value, which its own section lists."""
    inner, here = _inner(kind, path)
    if inner is None:
        return
    docs = docs_of(inner)
    for field, each in typed_fields(inner):
        value = getattr(default, field.name) if type(default) is inner else default_of(field)
        below = f"{here}.{field.name}"
        section, _ = _inner(each, below)
        needed = default_of(field) is dataclasses.MISSING
        shown = dataclasses.MISSING if section else value
        yield Key(below, type_words(each), shown, needed, docs.get(field.name, ""))
        yield from keys(each, value, below)


def type_words(kind: Any) -> str:
    """A type in plain words."""
    mark, origin, inner = mark_of(kind), get_origin(kind), get_args(kind)
    if mark is not None:
        file = f"file of `{mark.folder.replace('.', '/')}/`"
        return f"{file}, or `{{name: …, options}}`" if mark.kind else file
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(type_words(arm) for arm in inner)
    if origin is tuple:
        return f"list: {type_words(inner[0])}"
    if origin is dict:
        return f"by name: {type_words(inner[1])}"
    return "section" if dataclasses.is_dataclass(kind) else _WORDS[kind]


def yaml_text(value: Any) -> str:
    """A plain value as one line of YAML 1.1, the YAML that Snakemake reads."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {yaml_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(yaml_text(each) for each in value) + "]"
    if isinstance(value, float) and math.isfinite(value):
        text = repr(value)
        # Without the point, YAML 1.1 takes 1e-05 for a text.
        return re.sub(r"^(-?\d+)e", r"\1.0e", text)
    if isinstance(value, str) and _is_bare(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_bare(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_][\w-]*", text)) and text.lower() not in _YAML_WORDS


def _inner(kind: Any, path: str) -> tuple[type | None, str]:
    """The spec inside a type, if any, and the path of its keys."""
    origin = get_origin(kind)
    if origin is dict:
        return _inner(get_args(kind)[1], f"{path}.<name>")
    if origin is tuple:
        return _inner(get_args(kind)[0], f"{path}[]")
    return (kind, path) if dataclasses.is_dataclass(kind) else (None, path)  # type: ignore[return-value]


def _sections() -> str:
    docs = docs_of(Config)
    lines = []
    for field, kind in typed_fields(Config):
        inner, _ = _inner(kind, field.name)
        default = dataclasses.MISSING if inner else default_of(field)
        key = Key(field.name, type_words(kind), default, False, docs[field.name])
        lines.append(_row(key, link=inner is not None))
    return "\n".join([_HEAD, *lines])


def _row(key: Key, link: bool = False) -> str:
    default = "" if key.default is dataclasses.MISSING else f"`{yaml_text(plain(key.default))}`"
    if key.needed:
        default = "needed"
    path = f"[`{key.path}`](#{key.path})" if link else f"`{key.path}`"
    cells = (path, key.type, default, key.text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default_entries(field: dataclasses.Field[Any], kind: Any) -> list[str]:
    """What stands under a section of named entries before the config says anything of it."""
    if get_origin(kind) is not dict or not dataclasses.is_dataclass(get_args(kind)[1]):
        return []
    entries = default_of(field).items()
    lines = [f"| `{entry}` | `{yaml_text(changed(spec))}` |" for entry, spec in entries]
    merged = merged_over(field) is not dataclasses.MISSING
    fate = "yours are added to them or change them" if merged else "yours replace them"
    head = f"Entries by default, with what differs from the table above; {fate}:"
    return [head, "\n".join(["| name | options |", "|---|---|", *lines])]


def _marks(cls: type) -> Iterator[Named]:
    """Every folder of methods that the config can name, in the order of the config."""
    for _, kind in typed_fields(cls):
        yield from _marks_in(kind)


def _marks_in(kind: Any) -> Iterator[Named]:
    mark = mark_of(kind)
    if mark is not None:
        yield mark
    elif dataclasses.is_dataclass(kind):
        yield from _marks(kind)  # type: ignore[arg-type]
    elif get_origin(kind) is not Literal:
        for inner in get_args(kind):
            yield from _marks_in(inner)


def _method_tables(mark: Named) -> list[str]:
    if not mark.kind:
        return []
    parts = []
    for name, options in options_of(mark).items():
        lines = [_row(key) for key in keys(options, None, name)]
        title = f"### `{name}` in `{mark.folder.replace('.', '/')}/`"
        parts += [title, about(options), "\n".join([_HEAD, *lines])]
    return parts


_PREFACE = f"""\
# Config

Every key, its type, its default, and what changing it does. This page and `schema.json` are made
from `src/residue/specs/`; `{COMMAND}` makes them anew, and a test fails when they are
stale.

`config.yaml` is always read. `--configfile` names overlays: their sections are merged into it,
their lists replace its lists. Leave a key out to use its default; do not blank it. In a path such
as `arms.<name>.seeds`, `<name>` is a name of your own, and `[]` stands for each entry of a list. A
named entry is removed by `null`, e.g. `npo: null` under `arms`. What a change re-runs:
[docs/reruns.md](../docs/reruns.md).

An editor with a YAML language server completes keys and marks faults: the first line of the config
files names the schema. The schema knows single values; relations between keys and bounds of
numbers are checked when the config is read."""

_METHODS = """\
A method is a file. Write its name, `objective: npo`, or its name and the options that you change,
`objective: {name: npo, beta: 3.0}`."""
