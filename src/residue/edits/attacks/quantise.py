"""Quantisation: the arm's weights rounded, as they are when a model is served in few bits.

Weights only, by bitsandbytes: `nf4`, the 4-bit normal float with one scale per 64 weights (Dettmers
et al. 2023, arXiv 2305.14314), and `int8`, one scale per output (Dettmers et al. 2022, arXiv
2208.07339). A small edit may be smaller than the rounding: Zhang et al. 2024, arXiv 2410.16454.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.arms import OpenArm
    from residue.edits.conditions import Made, Shown


@dataclass(frozen=True)
class Attack:
    """Every linear layer of the blocks rounded; embeddings and head stay, as is usual."""

    kind: Literal["nf4", "int8"] = "nf4"
    """Format of the weights: ``nf4`` rounds to sixteen levels, ``int8`` to 255."""

    EDITS: ClassVar[tuple[str, ...]] = ()
    OBJECTIVES: ClassVar[tuple[str, ...]] = ()
    WHOLE: ClassVar[bool] = True

    def conditions(self, name: str) -> Sequence[str]:
        """One, of the attack's own name."""
        return [name]

    def fault(self, removable: Sequence[bool]) -> str:
        """Any arm can be rounded."""
        return ""

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Merge what can be merged into the weights and round them; hooks stay on top."""
        import torch
        from transformers.pytorch_utils import Conv1D

        from residue.edits.conditions import Made
        from residue.models.blocks import describe
        from residue.models.packing import require_whole

        require_whole(opened.model, "the attack quantise")
        merged = [edit for edit in opened.edits if hasattr(edit, "merge")]
        hooks = [place for place, edit in enumerate(opened.edits) if edit not in merged]
        for edit in merged:
            edit.merge()
            opened.edits.remove(edit)
        with torch.no_grad():
            for block in describe(opened.model).blocks:
                for module in block.modules():
                    if isinstance(module, torch.nn.Linear):
                        module.weight.copy_(rounded(module.weight, self.kind))
                    elif isinstance(module, Conv1D):  # GPT-2's linear layer, stored as (in, out)
                        module.weight.copy_(rounded(module.weight.T, self.kind).T)
        keep(Made(name, hooks, model=opened.model))


def rounded(weight: Tensor, kind: str) -> Tensor:
    """A weight (out, in) as it comes back from its rounded form, float32."""
    import bitsandbytes.functional as bnb
    import torch

    from residue.models.packing import packed

    if kind == "int8":
        codes, scales, _ = bnb.int8_vectorwise_quant(weight.detach().to(torch.float16))
        read: Tensor = codes.float() * scales.float()[:, None] / 127.0
        return read
    return packed(weight, double=False).unpacked().float()
