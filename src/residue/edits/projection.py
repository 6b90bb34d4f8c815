"""A linear projection without bias, through which an objective reads representations.

It is trained with the edit and saved beside it, so that whoever measures those representations can
read them as the objective did. It takes no part in what the model says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FILE = "projection.safetensors"


@dataclass(frozen=True)
class Projection:
    """weight: (size, width)."""

    weight: Tensor

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows (n, width) to (n, size)."""
        return rows @ self.weight.T

    def save(self, folder: Path) -> None:
        """Write projection.safetensors into an arm's step folder."""
        from safetensors.torch import save_file

        weight = self.weight.detach().cpu().contiguous().clone()
        save_file({"weight": weight}, folder / FILE, metadata={"format": "pt"})


def fresh_projection(size: int, width: int, *, seed: int, device: str = "cpu") -> Projection:
    """A trainable projection whose entries are normal with variance 1 / width."""
    import torch

    source = torch.Generator().manual_seed(seed)
    drawn = torch.randn(size, width, generator=source) / width**0.5
    return Projection(drawn.to(device).requires_grad_(True))


def load_projection(folder: Path) -> Projection:
    """The projection saved in a step's folder, not trainable; `FileNotFoundError` where the
    objective had none."""
    from safetensors.torch import load_file

    file = folder / FILE
    if not file.exists():
        raise FileNotFoundError(
            f"{file} does not exist: the arm's objective reads rows as they are, without projection"
        )
    return Projection(load_file(file)["weight"])
