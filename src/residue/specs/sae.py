"""Config section `sae`: sparse autoencoders on the base's chosen rows, and their features."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class SaeShape:
    """One SAE: its kind, size and seed."""

    architecture: Literal["topk", "jumprelu", "batchtopk", "matryoshka"] = "topk"
    """``topk`` keeps the k largest latents of each token, ``jumprelu`` those above a threshold that
    each learns, k on average; ``batchtopk`` the largest of a whole batch, k on average, and
    ``matryoshka`` so too with first latents that must do alone. Both are kept as JumpReLU."""

    expansion: int = 8
    """Latents per unit of the model's width; more split features finer, and more of them die."""

    k: int = 16
    """Latents that are active on a token; fewer are easier to read and reconstruct less."""

    seed: int = 0
    """Draws the first decoder; SAEs of other seeds find partly other features."""

    def __post_init__(self) -> None:
        for name in ("expansion", "k"):
            if getattr(self, name) < 1:
                raise SpecError(name, "must be at least 1.")
        if self.seed < 0:
            raise SpecError("seed", "must not be negative; count from 0.")

    @property
    def name(self) -> str:
        """Name in tables and of folders, e.g. ``topk-x8-k32-seed0``."""
        return f"{self.architecture}-x{self.expansion}-k{self.k}-seed{self.seed}"


@dataclass(frozen=True)
class SaeTraining:
    """How all SAEs of a row are trained, in one pass over its stream."""

    tokens: int = 800_000
    """Tokens shown, each SAE the same; more than the stream holds are further rounds over it."""

    batch: int = 1024
    """Tokens per update; smaller batches make more updates of the same tokens and cost more."""

    learning_rate: float = 8e-4
    """Rate of Adam at 16,384 latents; at F latents it is this × √(16384/F) (Gao et al. 2024). The
    usual 2e-4 is for runs of ten times as many updates."""

    warmup: float = 0.05
    """Share of the updates over which the rate rises from zero."""

    decay: float = 0.2
    """Share of the updates, the last ones, over which the rate falls to zero on a line."""

    aux: float = 1 / 32
    """Weight of AuxK, by which dead latents learn what the others leave; 0 leaves them dead."""

    dead_after: int = 100_000
    """Tokens without firing after which a latent counts as dead and AuxK works on it."""

    def __post_init__(self) -> None:
        for name in ("batch", "learning_rate", "dead_after"):
            if getattr(self, name) <= 0:
                raise SpecError(name, "must be above 0.")
        if self.tokens < self.batch:
            raise SpecError("tokens", f"must be at least one batch of {self.batch}.")
        if self.aux < 0:
            raise SpecError("aux", "must not be negative; 1/32 is usual.")
        for name in ("warmup", "decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(name, "is a share of the updates; choose between 0 and 1.")
        if self.warmup + self.decay > 1:
            raise SpecError("decay", "and warmup overlap; together they may be at most 1.")

    @property
    def updates(self) -> int:
        """Number of updates."""
        return self.tokens // self.batch


@dataclass(frozen=True)
class FeatureSpec:
    """Which latents stand for what is to be forgotten, by several pickers."""

    keep: int = 32
    """Latents kept per picker, best first; an edit takes as many of them as it asks for."""

    matched: Literal["activation", "semantic", "gradient", "fisher"] = "activation"
    """Picker whose effect on the residual stream the random latents are scaled to equal."""

    percentile: float = 95.0
    """`fisher` keeps latents whose ratio of forget to retain energy is above this percentile
    (Dynamic SAE Guardrails: 95 for biology, 90 for cyber), then ranks them by forget energy."""

    draws: int = 100
    """Resamples of countries (of texts where no country is named) behind each stability."""

    texts: int = 600
    """Most texts per set whose gradients the `gradient` picker takes; the dear part of picking."""

    def __post_init__(self) -> None:
        for name in ("keep", "draws", "texts"):
            if getattr(self, name) < 1:
                raise SpecError(name, "must be at least 1.")
        if not 0 <= self.percentile < 100:
            raise SpecError("percentile", "must be at least 0 and below 100; 95 is usual.")


@dataclass(frozen=True)
class SaeSpec:
    """SAEs and their features. They are made where an arm needs them, or always."""

    always: bool = False
    """Make them even if no arm needs them."""

    shape: SaeShape = SaeShape()
    """The SAE that edits use."""

    beside: tuple[SaeShape, ...] = (SaeShape(seed=1),)
    """More SAEs, trained in the same pass over the stream: other seeds say which features come
    back, other sizes are for comparison. Each costs as much as the first."""

    training: SaeTraining = field(default_factory=SaeTraining)
    """Updates, rates and dead latents."""

    features: FeatureSpec = field(default_factory=FeatureSpec)
    """The pickers."""

    def __post_init__(self) -> None:
        names = [shape.name for shape in self.shapes]
        if len(set(names)) < len(names):
            raise SpecError("beside", "holds an SAE twice; give it another seed or size.")

    @property
    def shapes(self) -> tuple[SaeShape, ...]:
        """All SAEs, the one that edits use first."""
        return (self.shape, *self.beside)

    @property
    def twins(self) -> tuple[SaeShape, ...]:
        """The SAE that edits use and those that differ from it in the seed alone."""
        return tuple(s for s in self.shapes if replace(s, seed=self.shape.seed) == self.shape)
