"""The products of an SAE's training step that touch only the active latents.

A dense step has five products of cost tokens × width × latents: pre-activations, reconstruction,
and the gradients of the code, the decoder and the encoder. Only the first needs all latents. The
others run over the active pairs (token, latent), as weighted sums of table rows (`embedding_bag`):
over each token's latents, or, with the pairs sorted, over each latent's tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Code:
    """The active pairs of a batch, in the order of tokens (compressed sparse rows)."""

    latents: Tensor
    """(pairs,) int64: which latent."""
    starts: Tensor
    """(tokens,) int64: where each token's pairs begin."""
    values: Tensor
    """(pairs,) z."""
    tokens: Tensor
    """(pairs,) int64: which token."""
    n_latents: int
    """F."""

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor]:
        """The pairs' order by latent (tokens stay in order), and the latents in it."""
        # Radix sort of short keys takes a third of the time; a table longer than int16 is rare.
        short = self.latents.to(torch.int16) if self.n_latents <= 1 << 15 else self.latents
        found = short.sort(stable=True)
        return found.indices, found.values.long()

    def decode(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Σ_i z_i·table[i] per token, (latents, d) -> (tokens, d), and z as its leaf.

        `gradient` with this leaf gives the loss's gradient to every z.
        """
        leaf = self.values.detach().requires_grad_()
        made = F.embedding_bag(
            self.latents, table, self.starts, mode="sum", per_sample_weights=leaf
        )
        return made, leaf

    def where(self, mask: Tensor) -> Code:
        """The code with the pairs of a mask alone, (pairs,) bool."""
        tokens = self.tokens[mask]
        starts = torch.searchsorted(tokens, torch.arange(len(self.starts)))
        return Code(self.latents[mask], starts, self.values[mask], tokens, self.n_latents)

    def by_latent(self, weights: Tensor, rows: Tensor) -> Tensor:
        """Σ_t weight·rows[t] per latent, over its pairs: (pairs,), (tokens, d) -> (latents, d)."""
        order, sorted_latents = self._sorted
        starts = torch.searchsorted(sorted_latents, torch.arange(self.n_latents))
        return F.embedding_bag(
            self.tokens[order], rows, starts, mode="sum", per_sample_weights=weights[order]
        )

    def total(self, weights: Tensor) -> Tensor:
        """Σ_t weight per latent, (pairs,) -> (latents,)."""
        return weights.new_zeros(self.n_latents).index_add_(0, self.latents, weights)


def gradient(made: Tensor, leaf: Tensor, upstream: Tensor) -> Tensor:
    """Gradient to z of a loss whose gradient to the decoded rows is `upstream`, (pairs,)."""
    (found,) = torch.autograd.grad(made, leaf, upstream)
    return found


def largest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row and their columns, (n, m) -> (n, k) twice, in no order.

    The k largest lie in the k groups with the largest maxima (but for ties, which are as good), so
    two short selections replace a long one: about half of the time of `topk`.
    """
    n, columns = values.shape
    size = _group_size(columns, k)
    if size == 1:
        found = values.topk(k, dim=1, sorted=False)
        return found.values, found.indices
    groups = columns // size
    grouped = values.view(n, size, groups)  # a group's members lie `groups` columns apart
    chosen = grouped.amax(1).topk(k, dim=1, sorted=False).indices
    members = grouped.gather(2, chosen[:, None].expand(n, size, k)).view(n, size * k)
    found = members.topk(k, dim=1, sorted=False)
    places = found.indices
    return found.values, places // k * groups + chosen.gather(1, places % k)


def _group_size(columns: int, k: int) -> int:
    """The power of two that makes the two selections together shortest; 1: one is shorter."""
    sizes = [2**power for power in range(1, 7)]
    fits = [size for size in sizes if columns % size == 0 and columns // size >= k]
    best = min(fits, key=lambda size: columns // size + size * k, default=1)
    return best if best > 1 and columns // best + best * k < columns * 3 // 4 else 1


def code_of(values: Tensor, latents: Tensor, n_latents: int) -> Code:
    """A code with the same number of latents for each token, from (n, k) twice."""
    n, k = values.shape
    tokens = torch.arange(n)[:, None].expand(n, k)
    starts = tokens[:, 0] * k
    return Code(latents.reshape(-1), starts, values.reshape(-1), tokens.reshape(-1), n_latents)


def code_where(mask: Tensor, values: Tensor) -> Code:
    """A code with the pairs of a mask, (n, latents) twice."""
    tokens, latents = mask.nonzero(as_tuple=True)
    starts = torch.searchsorted(tokens, torch.arange(len(mask)))
    return Code(latents, starts, values[tokens, latents], tokens, mask.shape[1])
