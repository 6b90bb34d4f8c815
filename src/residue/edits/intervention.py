"""Edits that act in the forward pass, by hooks: on one residual row, or on the logits.

An `Intervention` replaces one row at every position: with h the row's vector, the model goes on
with h + strength · (edited(h) − h). The hook sits before block `row` (before the final norm for row
n), so a recorded row shows the edit. An `OutputEdit` does the same to the logits.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from residue.edits.attached import Attached
from residue.models.blocks import describe

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "edit.safetensors"
SETTINGS = "edit.json"


class Hooked(Attached):
    """An edit made of hooks and of tensors that live in the hooked module while it is attached:
    those of floats are parameters, others are buffers. `settings` are plain values, saved as JSON.
    """

    TENSORS: ClassVar[tuple[str, ...]] = ()
    """Names of the tensors; a file that holds others, or not these, is refused."""
    row: int | None = None

    def __init__(
        self,
        model: Any,
        module: Any,
        place: int,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any],
    ) -> None:
        import torch

        super().__init__(model)
        self.width, self.settings = describe(model).width, dict(settings)
        self.held: Any = torch.nn.Module()
        device = next(model.parameters()).device
        for name, tensor in tensors.items():
            ours = tensor.detach().to(device).clone(memory_format=torch.contiguous_format)
            if ours.is_floating_point():
                held = torch.nn.Parameter(ours, requires_grad=False)
                self.held.register_parameter(name, held)
            else:
                self.held.register_buffer(name, ours)
        self._module, self._child = module, f"residue_edit_{place}"
        self._module.add_module(self._child, self.held)
        self.held.eval()
        self._handles: list[Any] = []
        self._on, self._strength = True, 1.0

    def parameters(self) -> dict[str, Tensor]:
        """The tensors of floats by name."""
        return dict(self.held.named_parameters())

    def trainable(self, train: bool) -> None:
        """Whether the tensors take gradients; dropout, the edit's alone, works only then."""
        super().trainable(train)
        self.held.train(train)

    def set_strength(self, strength: float) -> None:
        """Scale what the edit changes; at 0 it is out of the forward pass."""
        self._strength = strength

    def save(self, folder: Path) -> None:
        """edit.safetensors and edit.json; bytes depend on the edit alone."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        held = self.held.state_dict()
        names = self.names(self.settings)
        tensors = {name: held[name].detach().cpu().contiguous() for name in names}
        if tensors:
            save_file(tensors, folder / WEIGHTS)
        content = {"row": self.row, "width": self.width, "settings": self.settings}
        text = json.dumps(content, indent=2, sort_keys=True)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def open(cls, model: Any, folder: Path, *, place: int) -> Self:
        """The edit that `save` wrote; `ValueError` names what does not fit this model."""
        from safetensors.torch import load_file

        content = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        width = describe(model).width
        if content["width"] != width:
            raise ValueError(
                f"{folder / SETTINGS} does not fit this base: it is for rows of width "
                f"{content['width']}, not {width}; open it on the base it was made for"
            )
        names = cls.names(content["settings"])
        tensors = load_file(folder / WEIGHTS) if names else {}
        odd = sorted(set(tensors) ^ set(names))
        if odd:
            raise ValueError(f"{folder / WEIGHTS}: {odd[0]} is absent or unknown; make it again")
        parts = cls.parts(folder, content)
        return cls(model, place=place, tensors=tensors, settings=content["settings"], **parts)

    @classmethod
    def names(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the tensors under these settings."""
        return cls.TENSORS

    @classmethod
    def parts(cls, folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
        """Further arguments of the class, from the files of the folder."""
        return {}

    def _scaled(self, old: Tensor, new: Tensor) -> Tensor:
        """old + strength · (new − old), in the dtype of `old`, which may differ from `new`'s."""
        if self._strength != 1:
            new = old.to(new.dtype) + self._strength * (new - old.to(new.dtype))
        return new.to(old.dtype)

    def _switch(self, on: bool) -> None:
        self._on = on

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        delattr(self._module, self._child)


class Intervention(Hooked):
    """An edit of one row."""

    row: int

    def __init__(
        self,
        model: Any,
        *,
        place: int,
        row: int,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        architecture = describe(model)
        if not 0 <= row <= architecture.n_blocks:
            raise ValueError(
                f"row {row} does not exist: this model has rows 0 to {architecture.n_blocks}"
            )
        last = row == architecture.n_blocks
        module = architecture.final_norm if last else architecture.blocks[row]
        super().__init__(model, module, place, tensors, settings or {})
        self.row = row
        self._handles += [module.register_forward_pre_hook(self._replace, with_kwargs=True)]
        self.hook = f"row {row}: input of " + ("the final norm" if last else f"block {row}")

    @classmethod
    def parts(cls, folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
        """The row."""
        return {"row": content["row"]}

    @abstractmethod
    def edited(self, rows: Tensor) -> Tensor:
        """Rows (batch, position, width) float32 as the edit would have them."""

    def _replace(
        self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if not self._on or self._strength == 0:
            return None
        rows = args[0] if args else kwargs["hidden_states"]
        new = self._scaled(rows, self.edited(rows.float()))
        if args:
            return (new, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": new}


class OutputEdit(Hooked):
    """An edit of the logits, position by position."""

    AFTER_HEAD: ClassVar[bool] = True

    def __init__(
        self,
        model: Any,
        *,
        place: int,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        head = describe(model).unembedding
        super().__init__(model, head, place, tensors, settings or {})
        self._handles += [head.register_forward_hook(self._replace)]
        self.hook = "output of the unembedding"

    @abstractmethod
    def edited(self, normed: Tensor, logits: Tensor) -> Tensor:
        """Logits (…, vocabulary) as the edit would have them; normed: (…, width), what the
        unembedding reads, float32."""

    def _replace(self, _: Any, inputs: tuple[Any, ...], logits: Tensor) -> Tensor | None:
        if not self._on or self._strength == 0:
            return None
        return self._scaled(logits, self.edited(inputs[0].float(), logits.float()))
