"""LoRA: low-rank updates beside the model's linear layers, in files that `peft` loads unchanged.

W x becomes W x + (alpha / rank) · B A x with A (rank, in), B (out, rank), B = 0 at the start
(Hu et al. 2021, arXiv 2106.09685).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.attached import Attached
from residue.models.packing import require_whole
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
"""What `peft` puts before the path of a module in its files."""


@dataclass(frozen=True)
class Edit:
    """A low-rank adapter."""

    rank: int = 16
    """Rank of each update; a larger one can change more and costs more."""
    alpha: float = 32.0
    """The update is scaled by alpha / rank; larger acts like a larger learning rate."""
    dropout: float = 0.0
    """Share of an adapter's inputs dropped in training; above 0 it regularises."""
    targets: tuple[str, ...] = ("all-linear",)
    """Last parts of the names of adapted layers, e.g. [q_proj, v_proj]; ``all-linear`` takes every
    linear layer but the head."""

    REMOVABLE: ClassVar[bool] = False
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise SpecError("rank", "must be at least 1.")
        if self.alpha <= 0:
            raise SpecError("alpha", "must be above 0.")
        if not 0 <= self.dropout < 1:
            raise SpecError("dropout", "must be at least 0 and below 1.")
        if not self.targets:
            raise SpecError("targets", "names no layer; write [all-linear] or layer names.")

    def attach(self, model: Any, *, seed: int, place: int) -> Adapter:
        """A fresh adapter, the identity until trained; seed: of the random A."""
        import torch

        from residue.models.lean import lean_peft

        every = self.targets == ("all-linear",)
        expected = expected_count(model, self.rank, self.targets)
        config = lean_peft().LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules="all-linear" if every else list(self.targets),
            task_type="CAUSAL_LM",
        )
        # peft draws A from the global generator: seed a fork of it, so that nothing leaks.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            adapter = Adapter(model, config, place)
        made = sum(weight.numel() for weight in adapter.parameters().values())
        if made != expected:
            adapter.detach()
            raise ValueError(
                f"the adapter has {made} weights but its targets {', '.join(self.targets)} give "
                f"{expected}; name linear layers that every block of the model has"
            )
        adapter.trainable(True)
        return adapter

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Adapter:
        """The adapter of a `peft` folder; `ValueError` names a weight that does not fit."""
        import torch
        from safetensors.torch import load_file

        from residue.models.lean import lean_peft

        with torch.random.fork_rng():
            config = lean_peft().LoraConfig.from_pretrained(str(folder))
            adapter = Adapter(model, config, place)
        saved, own = load_file(folder / WEIGHTS), adapter.parameters()
        shapes = [{(name, weight.shape) for name, weight in part.items()} for part in (saved, own)]
        odd = sorted(name for name, _ in shapes[0] ^ shapes[1])
        if odd:
            adapter.detach()
            raise ValueError(
                f"{folder / WEIGHTS} does not fit this base: {odd[0]} is absent, unknown or of "
                "another shape; open it on the base it was made for"
            )
        with torch.no_grad():
            for name, weight in own.items():
                weight.copy_(saved[name])
        return adapter


class Adapter(Attached):
    """An attached LoRA adapter; several may sit on the same layers under different places."""

    def __init__(self, model: Any, config: Any, place: int) -> None:
        super().__init__(model)
        from residue.models.lean import lean_peft

        self.name = f"step{place}"
        self.config = config
        layer_kind = lean_peft().tuners.lora.LoraLayer
        before = {path: m.active_adapters for path, m in _layers(model, layer_kind)}
        lean_peft().inject_adapter_in_model(config, model, self.name)
        # The adapter holds its own configuration; left on the model it would outlive the adapter.
        del model.peft_config
        self.layers = {p: m for p, m in _layers(model, layer_kind) if self.name in m.lora_A}
        for path, layer in self.layers.items():
            layer.set_adapter([*before.get(path, []), self.name])
        # Small updates would be rounded away in a base's half format; peft casts in and out.
        for weight in self.parameters().values():
            weight.data = weight.data.float()
        # peft makes every active adapter trainable; earlier ones stay as frozen as they were.
        for weight in model.parameters():
            weight.requires_grad_(False)
        self.trainable(False)
        self.hook = "beside " + ", ".join(sorted({path.rsplit(".", 1)[-1] for path in self.layers}))

    def parameters(self) -> dict[str, Tensor]:
        """A and B of every adapted layer, by the names that `peft` gives them in files."""
        return {
            f"{PREFIX}{path}.{part}.weight": getattr(layer, part)[self.name].weight
            for path, layer in self.layers.items()
            for part in ("lora_A", "lora_B")
        }

    def trainable(self, train: bool) -> None:
        """Whether A and B take gradients; dropout, the edit's alone, works only then."""
        super().trainable(train)
        for layer in self.layers.values():
            layer.lora_dropout[self.name].train(train)

    def set_strength(self, strength: float) -> None:
        """Scale B A x; at 0 the adapter is out of the forward pass."""
        self._switch(strength != 0)
        for layer in self.layers.values():
            layer.set_scale(self.name, strength)

    def merge(self) -> None:
        """Add B A to the weights it stands beside, and take the adapter off."""
        import torch

        require_whole(self.model, "merging an adapter")
        with torch.no_grad():
            for layer in self.layers.values():
                layer.get_base_layer().weight.add_(layer.get_delta_weight(self.name))
        self.detach()

    def save(self, folder: Path) -> None:
        """adapter_model.safetensors and adapter_config.json; bytes depend on the adapter alone."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        weights = {name: w.detach().cpu().contiguous() for name, w in self.parameters().items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        config = {**self.config.to_dict(), "base_model_name_or_path": None, "inference_mode": True}
        text = json.dumps(config, indent=2, sort_keys=True, default=sorted)
        (folder / CONFIG).write_text(text + "\n", encoding="utf-8")

    def _switch(self, on: bool) -> None:
        for layer in self.layers.values():
            flags = [(weight, weight.requires_grad) for weight in layer.parameters()]
            others = [name for name in layer.active_adapters if name != self.name]
            layer.set_adapter([*others, self.name] if on else others)
            for weight, flag in flags:
                weight.requires_grad_(flag)

    def _remove(self) -> None:
        for path, layer in self.layers.items():
            layer.delete_adapter(self.name)
            if not layer.lora_A:
                parent, _, child = path.rpartition(".")
                setattr(self.model.get_submodule(parent), child, layer.get_base_layer())


def expected_count(model: Any, rank: int, targets: Sequence[str]) -> int:
    """Trainable weights by the formula: the rank times inputs plus outputs, summed over the linear
    layers that the targets name. Raises `ValueError` for a target that names none."""
    import torch
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    head = model.get_output_embeddings()
    sizes: dict[str, int] = {}
    for path, layer in model.named_modules():
        linear = isinstance(layer, (torch.nn.Linear, Conv1D))
        if linear and layer is not head and "lora_" not in path:
            name = path.removesuffix(".base_layer").rpartition(".")[2]
            sizes[name] = sizes.get(name, 0) + sum(layer.weight.shape)
    named = sizes if tuple(targets) == ("all-linear",) else dict.fromkeys(targets)
    absent = [name for name in named if name not in sizes]
    if absent:
        raise ValueError(
            f"the model has no linear layer '{absent[0]}'; there are: {', '.join(sorted(sizes))}"
        )
    return rank * sum(sizes[name] for name in named)


def _layers(model: Any, kind: type) -> list[tuple[str, Any]]:
    return [(path, module) for path, module in model.named_modules() if isinstance(module, kind)]
