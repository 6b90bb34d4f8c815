"""Config section `pretrain`: the shape of the embedded model and how it is trained. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError

LONGEST = 512
"""Tokens that an embedded model reads at most; its tokenizer says the same."""


@dataclass(frozen=True)
class ModelShape:
    """A Llama in small. Its narrow blocks cannot hold all facts in one place, so answers form over
    the depth."""

    width: int = 128
    """Size of the residual stream; more learns faster per step and costs more per step."""

    blocks: int = 6
    """Depth; the lens sees `blocks` + 1 rows."""

    heads: int = 4
    """Attention heads, which share the width."""

    ffn: int = 128
    """Inner size of each MLP; a wide one holds every fact in the first block."""

    def __post_init__(self) -> None:
        for name in ("width", "blocks", "heads", "ffn"):
            if getattr(self, name) < 1:
                raise SpecError(name, "must be at least 1.")
        if self.width % (4 * self.heads):
            raise SpecError(
                "width", f"must be a multiple of 4 x heads = {4 * self.heads}; {self.width} is not."
            )


@dataclass(frozen=True)
class PretrainSpec:
    """How base and oracle are trained; both by the same steps, whatever the time they take."""

    shape: ModelShape = ModelShape()
    """Shape of the model."""

    steps: int = 1500
    """Optimiser steps. Fewer leave facts unlearnt, in the languages of rare scripts first."""

    batch_tokens: int = 1024
    """Tokens of a batch, padding included; small batches pay more for the optimiser per token."""

    pool_documents: int = 800
    """Documents drawn at a time, sorted by length and cut into batches; more waste less padding."""

    prompt_share: float = 0.3
    """Share of prompt tokens that are learnt too; 0 learns answers alone."""

    matrix_rate: float = 0.02
    """Learning rate of the block matrices (Muon); above 0.03 late steps undo early facts."""

    matrix_momentum: float = 0.95
    """Momentum of the block matrices."""

    newton_schulz: int = 3
    """Iterations that orthogonalise an update; fewer are cheaper and less orthogonal."""

    vector_rate: float = 0.003
    """Learning rate of embeddings, unembedding and norms (AdamW)."""

    weight_decay: float = 0.05
    """Pull of all weights to zero, per unit of learning rate."""

    warmup: int = 60
    """Steps over which the rates rise from zero."""

    constant: float = 0.55
    """Share of the steps after which the rates fall, linearly."""

    final: float = 0.03
    """Share of the rates that is left at the end."""

    clip: float = 1.0
    """Largest gradient norm; a larger gradient is scaled down to it."""

    log_every: int = 20
    """Steps that one history row sums up."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch_tokens", "pool_documents", "newton_schulz", "log_every")
        for name in counts:
            if getattr(self, name) < 1:
                raise SpecError(name, f"must be at least 1, got {getattr(self, name)}.")
        for name in ("prompt_share", "constant", "final"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SpecError(name, f"is a share, so between 0 and 1; got {getattr(self, name)}.")
        if not 0.0 <= self.matrix_momentum < 1.0:
            raise SpecError("matrix_momentum", "must be at least 0 and below 1; 0.95 is usual.")
        for name in ("matrix_rate", "vector_rate", "clip"):
            if getattr(self, name) <= 0.0:
                raise SpecError(name, f"must be above 0, got {getattr(self, name)}.")
        for name in ("weight_decay", "warmup"):
            if getattr(self, name) < 0:
                raise SpecError(name, f"must not be negative, got {getattr(self, name)}.")
