"""An SAE inside a live model: the same code, in torch, with gradients to the residual stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from residue.sae.models import Sae


class TorchSae(nn.Module):
    """Encodes and decodes residual rows (…, d) of any dtype, in float32; holds no parameter.

    The choice of latents has no gradient, their values have: z_i depends on h through p_i where
    latent i is active, as in training.
    """

    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    threshold: Tensor | None

    def __init__(self, sae: Sae) -> None:
        super().__init__()
        self.k, self.row = sae.k, sae.row
        for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"):
            value = getattr(sae, name)
            kept = None if value is None else torch.tensor(value, dtype=torch.float32)
            self.register_buffer(name, kept, persistent=False)

    def encode(self, h: Tensor) -> Tensor:
        """The sparse code z, (…, d) -> (…, F), float32."""
        p = (h.float() - self.b_dec) @ self.W_enc + self.b_enc
        if self.threshold is not None:
            return torch.relu(p) * (p > self.threshold)
        values, chosen = p.topk(self.k, dim=-1, sorted=False)
        return torch.zeros_like(p).scatter(-1, chosen, torch.relu(values))

    def decode(self, z: Tensor) -> Tensor:
        """ĥ of codes z, (…, F) -> (…, d), float32."""
        return z @ self.W_dec + self.b_dec

    def written(self, z: Tensor, features: Tensor) -> Tensor:
        """Σ over the given latents of z_i·w_i, (…, F) -> (…, d): what a gate on them takes away."""
        return z[..., features] @ self.W_dec[features]

    def forward(self, h: Tensor) -> Tensor:
        """The reconstruction ĥ in the dtype of h."""
        return self.decode(self.encode(h)).to(h.dtype)
