"""Config section `witness`: which models TransformerLens reads as well."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WitnessSpec:
    """An independent reading of rows and logits; about five CPU-seconds per model."""

    arms: tuple[str, ...] = ("base",)
    """Arms, base or oracle, whose every pair and seed TransformerLens reads too. Empty for none."""
