"""From plain config values to typed specs, with errors that contain the mend. Torch-free.

A spec is a frozen dataclass; a string under a field documents it. Allowed field types: ``int``,
``float``, ``bool``, ``str``, ``Literal``, ``X | None``, ``tuple[X, ...]``, ``dict[str, X]`` and
nested specs. ``Annotated`` with `Named` says that a value names a file.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Spec = TypeVar("Spec")

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class SpecError(ValueError):
    """A config value that cannot be used; the message names the key path and the mend."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(f"{key}: {sentence}")
        self.key = key
        self.sentence = sentence


@dataclasses.dataclass(frozen=True)
class Named:
    """Marks a field whose value is the name of a method file, for the schema and the reference."""

    folder: str
    """Folder of the files, e.g. ``edits.objectives``."""
    kind: str = ""
    """Class in such a file whose fields are its options; then ``{name: …, options}`` is allowed."""


def load(cls: type[Spec], data: Any, where: str) -> Spec:
    """Build a spec from a mapping, or stop with the key path, the fault and the nearest key.

    ``where`` is the key path of the section, for messages. Missing keys take their defaults;
    entries of a ``dict[str, Spec]`` field are merged over default entries of the same name, and
    ``null`` removes an entry.
    """
    if not isinstance(data, Mapping):
        raise SpecError(
            where, f"expects a section of keys, not {data!r}; omit it to use the defaults."
        )
    hints = get_type_hints(cls)
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            raise SpecError(_join(where, str(key)), f"unknown key; {_nearest(str(key), known)}")
    values = {
        key: _value(hints[key], value, _join(where, key), merged_over(known[key]))
        for key, value in data.items()
    }
    missing = [
        name
        for name, field in known.items()
        if name not in values and default_of(field) is dataclasses.MISSING
    ]
    if missing:
        raise SpecError(_join(where, missing[0]), "is needed and has no default; add it.")
    try:
        return cls(**values)
    except SpecError as error:
        raise SpecError(_join(where, error.key), error.sentence) from None


def plain(spec: Any) -> Any:
    """The spec as JSON values: dataclasses to dicts, tuples to lists."""
    if dataclasses.is_dataclass(spec):
        return {f.name: plain(getattr(spec, f.name)) for f in dataclasses.fields(spec)}
    if isinstance(spec, Mapping):
        return {key: plain(value) for key, value in spec.items()}
    if isinstance(spec, (list, tuple)):
        return [plain(value) for value in spec]
    return spec


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a field, made if need be; `dataclasses.MISSING` where it has none."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def merged_over(field: dataclasses.Field[Any]) -> Any:
    """Default entries that a user's add to, unless the field says that they replace them."""
    return default_of(field) if field.metadata.get("merge", True) else dataclasses.MISSING


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"the keys here are: {', '.join(sorted(known))}."


def _value(kind: Any, value: Any, where: str, default: Any = dataclasses.MISSING) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return value
    if origin is Literal:
        return _literal(kind, value, where)
    if origin in (Union, types.UnionType):
        return _union(kind, value, where)
    if origin is tuple:
        return _tuple(kind, value, where)
    if origin is dict:
        return _dict(kind, value, where, default)
    if dataclasses.is_dataclass(kind):
        return load(kind, value, where)  # type: ignore[arg-type]
    return _scalar(kind, value, where)


def _literal(kind: Any, value: Any, where: str) -> Any:
    choices = get_args(kind)
    if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
        names = {str(choice): choice for choice in choices}
        raise SpecError(where, f"{value!r} is not a choice; {_nearest_choice(str(value), names)}")
    return value


def _nearest_choice(value: str, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(value, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{hint}choose one of: {', '.join(names)}."


def _union(kind: Any, value: Any, where: str) -> Any:
    arms = get_args(kind)
    if value is None and type(None) in arms:
        return None
    faults = []
    for arm in arms:
        if arm is type(None):
            continue
        try:
            return _value(arm, value, where)
        except SpecError as error:
            faults.append(error)
    # The most specific fault lies deepest in the config.
    raise max(faults, key=lambda fault: len(fault.key))


def _tuple(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise SpecError(where, f"expects a list, not {value!r}; write [{value}].")
    item = get_args(kind)[0]
    return tuple(_value(item, each, f"{where}[{i}]") for i, each in enumerate(value))


def _dict(kind: Any, value: Any, where: str, default: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SpecError(where, f"expects named entries, not {value!r}.")
    item = get_args(kind)[1]
    merged: dict[str, Any] = {} if default is dataclasses.MISSING else dict(default)
    for name, entry in value.items():
        here = _join(where, str(name))
        if entry is None:
            merged.pop(str(name), None)
            continue
        if dataclasses.is_dataclass(item) and name in merged and isinstance(entry, Mapping):
            entry = {**plain(merged[name]), **entry}
        merged[str(name)] = _value(item, entry, here)
    return merged


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if value != value or value in (float("inf"), float("-inf")):
            raise SpecError(where, "must be a finite number.")
        return float(value)
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise SpecError(where, "holds NUL or half of a surrogate pair, which no file can; mend it.")
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, str) and _is_number(value):
        raise SpecError(where, f"'{value}' is text in YAML; write {float(value)!r}.")
    raise SpecError(where, f"expects {_word(kind)}, not {value!r}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _word(kind: Any) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return words.get(kind, str(kind))
