"""A method file with its options, as the config names it: ``lora`` or ``{name: lora, rank: 8}``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from residue.core import methods
from residue.specs import fields
from residue.specs.fields import SpecError


def normal(key: str, folder: str, kind: str, reference: Any) -> dict[str, Any]:
    """``lora`` or ``{name: lora, …}`` as a name and the options that differ from their default."""
    named = {"name": reference} if isinstance(reference, str) else reference
    if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
        raise SpecError(key, f"expects a name or {{name: …, options}}, not {reference!r}.")
    made = built(key, folder, kind, named)
    default = type(made)()
    options = {
        each.name: fields.plain(getattr(made, each.name))
        for each in dataclasses.fields(made)
        if getattr(made, each.name) != getattr(default, each.name)
    }
    return {"name": named["name"], **options}


def built(key: str, folder: str, kind: str, reference: Mapping[str, Any]) -> Any:
    """The class `kind` of a method file with its options; `SpecError` names what is wrong."""
    try:
        module = methods.load(folder, reference["name"])
    except methods.UnknownMethodError as error:
        raise SpecError(key, str(error)) from None
    found = getattr(module, kind, None)
    if found is None:
        raise SpecError(
            key, f"residue/{folder.replace('.', '/')}/{reference['name']}.py defines no {kind}."
        )
    options = {name: value for name, value in reference.items() if name != "name"}
    return fields.load(found, options, key)
