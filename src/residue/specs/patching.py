"""Config section `patching`: whose rows are put into the base, and for which items."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError

EVERY = "all"
"""Stands for every arm of the run, base and oracle included."""
METRICS = ("patching_depth", "patching_loss")
"""What is measured of it."""


@dataclass(frozen=True)
class PatchingSpec:
    """How deep an edit reaches, by patching rows from the oracle and from the arm into the base."""

    arms: tuple[str, ...] = (EVERY,)
    """Arms that are patched; ``all`` stands for each of them with base and oracle, which must score
    0 and 1. An empty list leaves patching out, as does a run without an oracle."""
    splits: tuple[str, ...] = ("forget_test", "retain_untouched")
    """Splits of the facts deck whose plain items are patched. Retain facts are the control: an edit
    that spares them scores near 0 there, a destroyed model as high as on forget facts."""
    families: tuple[str, ...] = ("seen",)
    """Families of wordings; adding ``held_out`` costs half as much again."""
    languages: tuple[str, ...] = ()
    """Languages of the items; empty takes English and those of the request."""
    threshold: float = 0.05
    """Nats per token that patching from the oracle must take before a row counts as holding the
    fact; higher leaves out rows where little is to be seen."""

    def __post_init__(self) -> None:
        if EVERY in self.arms and len(self.arms) > 1:
            raise SpecError("arms", f"names '{EVERY}' beside others; keep '{EVERY}' alone.")
        for name in ("splits", "families"):
            if not getattr(self, name):
                raise SpecError(name, "is empty; leave it out, or set arms to [] for no patching.")
        if not self.threshold > 0:
            raise SpecError("threshold", "must be above 0: the score divides by what is above it.")
