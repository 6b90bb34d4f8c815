"""Edits of the model's own weights: other values in their place, the own ones kept aside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from residue.edits.attached import Attached
from residue.models.packing import require_whole

if TYPE_CHECKING:
    from torch import Tensor

Sites = list[tuple[Any, str]]
"""Modules and the names under which they hold one weight; tied weights have several."""


def own_weights(model: Any) -> dict[str, Sites]:
    """The model's own weights by the names of its files; what edits added is left out.

    `PackedWeightError` where the model holds them in NF4.
    """
    require_whole(model, "an edit of the model's own weights")
    found: dict[int, tuple[str, Sites]] = {}
    for path, module in model.named_modules():
        for leaf, weight in module._parameters.items():
            name = f"{path}.{leaf}".replace(".base_layer.", ".")
            if weight is not None and ".lora_" not in name and "residue_edit_" not in name:
                found.setdefault(id(weight), (name, []))[1].append((module, leaf))
    return dict(found.values())


class OtherWeights(Attached):
    """New values in the place of the model's weights; unnamed weights stay.

    At strength s a weight is own + s · (new − own).
    """

    def __init__(self, model: Any, new: Mapping[str, Tensor]) -> None:
        import torch

        super().__init__(model)
        sites = own_weights(model)
        self._sites = {name: sites[name] for name in new}
        self._own = {name: module._parameters[leaf] for name, ((module, leaf), *_) in self._each()}
        self.new = {
            name: torch.nn.Parameter(value.detach().clone().to(self._own[name]), False)
            for name, value in new.items()
        }
        self._strength = 1.0
        self.hook = f"in place of {len(self.new)} of the model's own weights"
        self._switch(True)

    def parameters(self) -> dict[str, Tensor]:
        """The new weights, by the names of the model's own."""
        return dict(self.new)

    def set_strength(self, strength: float) -> None:
        """Go this far from the own weights to the new ones; 0 puts the own ones back."""
        self._strength = strength
        self._switch(True)

    def merge(self) -> None:
        """Leave the new weights in the model for good."""
        for weight, flag in self._flags:
            weight.requires_grad_(flag)

    def _switch(self, on: bool) -> None:
        strength = self._strength if on else 0.0
        for name, sites in self._each():
            weight = self._blend(name, strength)
            for module, leaf in sites:
                module._parameters[leaf] = weight

    def _blend(self, name: str, strength: float) -> Any:
        import torch

        own, new = self._own[name], self.new[name]
        if strength in (0, 1):
            return new if strength else own
        return torch.nn.Parameter(own.lerp(new, strength).detach(), requires_grad=False)

    def _remove(self) -> None:
        self._switch(False)

    def _each(self) -> list[tuple[str, Sites]]:
        return list(self._sites.items())
