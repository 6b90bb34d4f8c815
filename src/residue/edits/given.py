"""Edits that others made: a whole model or an adapter, taken over as the one step of an arm.

The weights are copied beside arm.json in the form of this program's own edits (`full`, `lora`), so
that all that opens an arm opens these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core import methods
from residue.edits.arms import WEIGHTS, ArmError, arm_json, digests
from residue.edits.attached import Attached
from residue.models.loading import load_model
from residue.specs.arms import EDITS

if TYPE_CHECKING:
    from torch import Tensor


def take_over(
    base: str | Path,
    kind: str,
    folder: str | Path,
    *,
    arm: str,
    pair: int,
    seed: int,
    home: str | Path,
    weights: str | Path,
) -> dict[str, Any]:
    """arm.json of what lies in a folder; kind: ``model`` or ``adapter``.

    home: where arm.json will lie; weights: where to write now what will lie in `home`/weights.
    Raises `ArmError` naming folder and mend where it does not fit the base or changes nothing.
    """
    model, _ = load_model(base)
    name, edit = TAKE[kind](model, Path(folder))
    step = f"1-{name}"
    edit.save(Path(weights) / step)
    entry = {
        "edit": name,
        "file": f"{WEIGHTS}/{step}",
        "hook": edit.hook,
        "sha256": digests(Path(weights) / step),
        "removable": methods.load(EDITS, name).Edit.REMOVABLE,
        "strength": 1.0,
    }
    return arm_json(base, arm, pair, seed, [entry], home)


def model_as_edit(model: Any, folder: Path) -> tuple[str, Attached]:
    """The weights of a saved model in the place of the base's own."""
    from residue.edits.weights import own_weights

    theirs, _ = load_model(folder)
    new, own = _tensors(own_weights(theirs)), _tensors(own_weights(model))
    kinds = [each.config.model_type for each in (model, theirs)]
    if kinds[0] != kinds[1]:
        raise ArmError(
            f"{folder} is a model of the kind '{kinds[1]}', the base one of '{kinds[0]}'; an arm "
            "is the base with other weights, so name the base that it was made from"
        )
    odd = sorted({(n, w.shape) for n, w in new.items()} ^ {(n, w.shape) for n, w in own.items()})
    if odd:
        raise ArmError(
            f"{folder} does not fit the base: {odd[0][0]} is in one of them alone or of another "
            "shape; name the base that it was made from"
        )
    if all(bool((new[name] == weight).all()) for name, weight in own.items()):
        raise ArmError(f"{folder} holds the weights of the base; name the edited model's folder")
    return "full", methods.load(EDITS, "full").Full(model, new)


def adapter_as_edit(model: Any, folder: Path) -> tuple[str, Attached]:
    """A LoRA adapter beside the base's layers."""
    config = folder / "adapter_config.json"
    kind = json.loads(config.read_text(encoding="utf-8")).get("peft_type")
    if kind != "LORA":
        raise ArmError(
            f"{config} is of the type '{kind}'; LORA adapters alone are read, so merge this one "
            "into its model and name that folder under `model`"
        )
    try:
        edit = methods.load(EDITS, "lora").Edit.load(model, folder, place=1)
    except ValueError as error:
        raise ArmError(str(error)) from error
    changes = (layer.get_delta_weight(edit.name).any() for layer in edit.layers.values())
    if not any(map(bool, changes)):
        raise ArmError(f"{folder} adds nothing: every update is zero; name the trained adapter")
    return "lora", edit


TAKE: Mapping[str, Callable[[Any, Path], tuple[str, Attached]]] = {
    "model": model_as_edit,
    "adapter": adapter_as_edit,
}
"""How each key of an arm that others made is read."""


def _tensors(sites: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: module._parameters[leaf] for name, ((module, leaf), *_) in sites.items()}
