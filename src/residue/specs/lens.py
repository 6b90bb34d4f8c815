"""Config section `lens`: the decoders that read every row, what they read, how they are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from residue.specs.fields import Named, SpecError

DECODERS = "lens.decoders"
"""Folder of the decoder files that the config names."""

FITS = "lens.fits"
"""Folder of the fits, by the name of their decoder; a decoder without one needs none."""

LIVE = "jacobian"
"""The decoder that is made from the live model, by a rule of its own."""


@dataclass(frozen=True)
class TemperatureSpec:
    """One number per row, found by Newton's method: few tokens determine it."""

    tokens: int = 2048
    """Most tokens of the fit split that are used."""

    low: float = 0.05
    """Least temperature; a row that wants less ends here and is marked."""

    high: float = 20.0
    """Greatest temperature; a row that wants more ends here and is marked."""

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise SpecError("tokens", f"must be at least 1, got {self.tokens}.")
        if not 0.0 < self.low < self.high:
            raise SpecError("low", "must lie above 0 and below `high`; try 0.05 and 20.")


@dataclass(frozen=True)
class DistilSpec:
    """Training of the tuned lens and, by the same steps, of its control, the bias-only lens."""

    steps: int = 240
    """Optimiser steps per row; fewer leave the early rows, far from the head, unlearnt."""

    batch: int = 128
    """Tokens per step; cost is steps x batch x vocabulary."""

    rate: float = 0.005
    """Learning rate at the start (Adam), falling linearly to 0; 0.03 is unstable at row 0."""

    penalty: float = 0.0
    """Weight of the squared size of the map in the loss; pulls to the logit lens, against
    overfitting where tokens are few."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise SpecError(name, f"must be at least 1, got {getattr(self, name)}.")
        if self.rate <= 0.0 or self.penalty < 0.0:
            raise SpecError("rate", "must be above 0, and `penalty` not negative.")


@dataclass(frozen=True)
class JacobianSpec:
    """Texts and positions over which Jacobians are averaged."""

    texts: int = 64
    """Texts of the fit split; exact in every output direction, so each costs `width` backward
    passes. Too few leave noise in the mean."""

    targets: Literal["same", "later"] = "same"
    """`same` takes the effect on the position itself alone, at one position drawn from each text;
    `later` sums the effects on it and on all later ones, as published, which on short texts reads
    worse."""

    def __post_init__(self) -> None:
        if self.texts < 1:
            raise SpecError("texts", f"must be at least 1, got {self.texts}.")


@dataclass(frozen=True)
class RidgeSpec:
    """The map from an arm's rows to the base's final row."""

    penalty: float = 0.01
    """Ridge penalty as a share of the rows' mean variance; more shrinks the map to its mean."""

    def __post_init__(self) -> None:
        if self.penalty <= 0.0:
            raise SpecError("penalty", "must be above 0; try 0.01.")


@dataclass(frozen=True)
class LensSpec:
    """What is read out of every row of every arm."""

    decoders: tuple[Annotated[str, Named(DECODERS)], ...] = (
        "next_norm",
        "final_norm",
        "raw",
        "tuned",
    )
    """Decoder files (`lens/decoders/<name>.py`) that read every arm; one table each. A decoder
    added makes its own fit and tables and re-makes none: there are ``temperature``, ``bias_only``,
    ``prism`` and ``jacobian`` too. An empty list reads nothing and records no lens deck."""

    top_k: int = 10
    """Tokens listed per item and row, with their text and probability; at least 1."""

    temperature: TemperatureSpec = TemperatureSpec()
    """Fit of the lens `temperature`."""

    distil: DistilSpec = DistilSpec()
    """Fit of the lenses `tuned` and `bias_only`."""

    jacobian: JacobianSpec = JacobianSpec()
    """Making of the lens `jacobian`."""

    ridge: RidgeSpec = RidgeSpec()
    """The "moved, not gone" reading."""

    def __post_init__(self) -> None:
        if len(set(self.decoders)) < len(self.decoders):
            raise SpecError("decoders", "names a decoder twice; keep one of them.")
        if self.top_k < 1:
            raise SpecError("top_k", f"must be at least 1, got {self.top_k}.")


CONTROLS = {"tuned": "bias_only"}
"""What a decoder must beat beside the next-norm lens, to show more than its control does."""

FIT_KEYS = {
    "temperature": "temperature",
    "bias_only": "distil",
    "tuned": "distil",
    "jacobian": "jacobian",
}
"""Which key of the section a fitted decoder reads; the others read none."""


def fit_part(section: dict[str, Any], lens: str) -> dict[str, Any]:
    """The slice of the section (as JSON values) on which the fit of one decoder depends."""
    key = FIT_KEYS.get(lens)
    return {} if key is None else {key: section[key]}
