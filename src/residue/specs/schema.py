"""The config as a JSON Schema, made from the typed specs: an editor completes and checks by it.

The schema knows what a single value may be. Relations between keys and bounds of numbers are
checked when the config is read (`residue.specs.config.read_config`), which has the last word.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from residue.core import methods
from residue.specs.fields import Named, default_of, merged_over, plain

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
_SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def schema_of(cls: type) -> Schema:
    """The schema of a spec: every section under ``$defs``, unknown keys refused.

    TypeError where a field has a type that specs do not allow.
    """
    defs: dict[str, Schema] = {}
    top = _spec(cls, defs)
    return {"$schema": DIALECT, "title": "Config of residue", **top, "$defs": defs}


def docs_of(cls: type) -> dict[str, str]:
    """The text under each field of a dataclass, on one line; a field without text is left out.

    A field that it has from a class above has that one's text.
    """
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if dataclasses.is_dataclass(each):
            found |= _own_docs(each)
    return found


def _own_docs(cls: type) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    found = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    )
    fields = {field.name for field in dataclasses.fields(cls)}
    return {
        node.target.id: " ".join(text.value.value.replace("``", "`").split())
        for node, text in zip(found.body, found.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id in fields
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def about(cls: type) -> str:
    """The first line of a class's docstring."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0].replace("``", "`")


def typed_fields(cls: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    """The fields of a spec with their types, marks included."""
    hints = get_type_hints(cls, include_extras=True)
    return [(field, hints[field.name]) for field in dataclasses.fields(cls)]


def options_of(named: Named) -> dict[str, type]:
    """The options of each method of a folder, by name: its class of the kind that is marked."""
    found = {}
    for name in methods.names(named.folder):
        options = getattr(methods.load(named.folder, name), named.kind, None)
        if options is not None:
            found[name] = options
    return found


def changed(spec: Any) -> dict[str, Any]:
    """The fields of a spec that differ from their default, as plain values."""
    pairs = ((field, getattr(spec, field.name)) for field in dataclasses.fields(spec))
    return {field.name: plain(value) for field, value in pairs if value != default_of(field)}


def mark_of(kind: Any) -> Named | None:
    """The `Named` of an annotated type."""
    marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Named)), None)


def _spec(cls: type, defs: dict[str, Schema]) -> Schema:
    docs = docs_of(cls)
    properties = {}
    for field, kind in typed_fields(cls):
        default = default_of(field)
        entry = _value(kind, merged_over(field), defs)
        if default is not dataclasses.MISSING and default != _said_below(kind, field):
            entry["default"] = plain(default)
        properties[field.name] = {"description": docs.get(field.name, ""), **entry}
    return {
        "description": about(cls),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _said_below(kind: Any, field: dataclasses.Field[Any]) -> Any:
    """The default that the schema of the value itself shows: a section's, or that of each entry."""
    if get_origin(kind) is dict and dataclasses.is_dataclass(get_args(kind)[1]):
        return merged_over(field)
    section = isinstance(kind, type) and dataclasses.is_dataclass(kind)
    return kind() if section else dataclasses.MISSING


def _value(kind: Any, default: Any, defs: dict[str, Schema]) -> Schema:
    mark, origin = mark_of(kind), get_origin(kind)
    if mark is not None:
        return _named(mark, defs)
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin in (Union, types.UnionType):
        return _union([_value(arm, dataclasses.MISSING, defs) for arm in get_args(kind)])
    if origin is tuple:
        item = get_args(kind)[0]
        return {"type": "array", "items": _whole(item, _value(item, dataclasses.MISSING, defs))}
    if origin is dict:
        return _entries(get_args(kind)[1], default, defs)
    if dataclasses.is_dataclass(kind):
        return _section(kind, defs)  # type: ignore[arg-type]
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    raise TypeError(
        f"a spec field has the type {kind!r}; see residue.specs.fields for those allowed"
    )


def _union(arms: list[Schema]) -> Schema:
    if all(set(arm) == {"type"} for arm in arms):
        kinds = (arm["type"] for arm in arms)
        return {"type": [k for each in kinds for k in ([each] if isinstance(each, str) else each)]}
    return {"anyOf": arms}


def _section(cls: type, defs: dict[str, Schema], name: str = "") -> Schema:
    """A reference to the section's definition, which is made on first use."""
    name = name or cls.__name__
    if name not in defs:
        defs[name] = {}
        defs[name] = _spec(cls, defs)
    return {"$ref": f"#/$defs/{name}"}


def _whole(kind: Any, entry: Schema) -> Schema:
    """An entry of its own, merged over nothing: keys without a default are needed."""
    if not dataclasses.is_dataclass(kind):
        return entry
    needed = [f.name for f in dataclasses.fields(kind) if default_of(f) is dataclasses.MISSING]
    return {**entry, "required": needed} if needed else entry


def _entries(kind: Any, merged: Any, defs: dict[str, Schema]) -> Schema:
    """Named entries; null removes one. An entry that is merged over a default may be partial."""
    entry = _value(kind, dataclasses.MISSING, defs)
    whole = _whole(kind, entry)
    made: Schema = {"type": "object", "additionalProperties": _union([whole, {"type": "null"}])}
    if dataclasses.is_dataclass(kind) and isinstance(merged, Mapping):
        made["properties"] = {
            name: {**_union([entry, {"type": "null"}]), "default": changed(spec)}
            for name, spec in merged.items()
        }
    return made


def _named(mark: Named, defs: dict[str, Schema]) -> Schema:
    """A method by name; where it has options, also ``{name: …, options}``."""
    if not mark.kind:
        return {"enum": methods.names(mark.folder)}
    options = options_of(mark)
    forms: list[Schema] = [{"enum": list(options)}]
    for name, cls in options.items():
        key = f"{mark.folder}.{name}"
        forms.append(_section(cls, defs, key))
        naming = {"description": "The method file.", "const": name}
        defs[key]["properties"] = {"name": naming, **defs[key]["properties"]}
        defs[key]["required"] = ["name"]
    return {"anyOf": forms}
