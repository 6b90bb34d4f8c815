"""How an edit is trained: updates, rates, batches, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from residue.specs.fields import SpecError

ROLES = ("forget", "retain", "pair", "twin", "keep")
"""What the items of a batch may be there for: `twin` and `keep` are a defence's."""
STRONGEST = 5
"""Largest curriculum or reweighting; the odds of two items are then e^10 already."""


@dataclass(frozen=True)
class TrainSpec:
    """One training run: how many updates, how large, on how many items, and when to stop early."""

    steps: int = 80
    """Updates at most; the cost grows in proportion and the schedule stretches over them."""
    learning_rate: float = 2e-3
    """Highest rate of AdamW; larger forgets in fewer steps and damages more of what is kept."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the rate falls after the warm-up: not at all, on a line, or on half a cosine."""
    warmup: int = 5
    """Updates over which the rate rises to its highest; the first update already has a share."""
    final_share: float = 0.1
    """Rate of the last update as a share of the highest; without effect under ``constant``."""
    batch: dict[str, int] = field(default_factory=lambda: {"forget": 24, "retain": 96})
    """Items per update and role. More retain items cost time and spare countries that no edit sees;
    the mean over them does not depend on how many fit in memory."""
    weight_decay: float = 0.0
    """Decoupled decay of the edit's weights per update and unit of rate; pulls them to zero."""
    clip: float = 1.0
    """Largest norm of the gradient; a longer one is scaled down to it."""
    loss_limit: float = 1e4
    """A loss larger in size than this counts as exploded and stops the run."""
    check_every: int = 20
    """Updates between looks at the dev items; 0 never looks."""
    stop_at: float | None = None
    """Stop when the share of dev forget items still answered exactly is at most this. Null runs to
    the end: once the push has let go, later updates repair what is to be kept."""
    choose: Literal["last", "best"] = "last"
    """Which update's weights a defence keeps: the last, or of the looks at dev items the best one:
    the highest bound on right answers under the worst attack family, among those that keep clean
    answers."""
    allowed_loss: float = 0.03
    """By how much the share of right dev answers without an attack may fall below the untrained
    model's before a look is no candidate; for ``choose: best``."""
    patience: int = 0
    """Looks without a better one after which training stops; 0 never stops early. For ``choose:
    best``."""
    limit: int | None = None
    """Updates after which to break off while the schedule still counts `steps`: a dry run of the
    real thing. Null runs them all."""
    curriculum: float = 0.0
    """How strongly forget items that the model knows best come first and those that it knows least
    come last; at 2 the best known is 55 times as likely as the least known at first, and the other
    way round at the end. 0 draws all alike, below 0 turns the order round."""
    reweight: float = 0.0
    """How strongly forget items that the model knows best count more in the loss; at 1 the best
    known weighs 7 times as much as the least known. 0 weighs all alike, below 0 turns it round."""
    apart: dict[str, float] = field(default_factory=dict)
    """Roles whose gradients keep AdamW moments of their own, each with its share of the rate, e.g.
    ``{forget: 1, retain: 0.5}``. Within an update they step one after the other, in the order
    forget, retain, pair, twin, keep; each reads the weights that the one before left. AdamW divides
    every gradient by its own size, so the objective's weights cancel and these shares balance the
    roles. Empty keeps one set of moments for the sum."""
    moments: Literal[32, 8] = 32
    """Bits of AdamW's moments; 8 saves memory (bitsandbytes, paged on a card) and rounds them."""
    base: Literal["full", "nf4"] = "full"
    """How the base is held while the edit trains; ``nf4`` takes 4.1 bits a weight (QLoRA) and the
    edit then sits on the full base, a little off from what it was trained on."""
    recompute: bool = False
    """Compute every block again in the backward pass instead of keeping it (gradient
    checkpointing): less memory for about a third more time, the same numbers."""

    def __post_init__(self) -> None:
        for key in ("steps", "learning_rate", "clip", "loss_limit"):
            if getattr(self, key) <= 0:
                raise SpecError(key, "must be above 0.")
        for key in ("warmup", "weight_decay", "check_every", "allowed_loss", "patience"):
            if getattr(self, key) < 0:
                raise SpecError(key, "must not be negative.")
        if self.warmup >= self.steps:
            raise SpecError("warmup", f"must be below steps ({self.steps}); lower it.")
        if not 0 <= self.final_share <= 1:
            raise SpecError("final_share", "must lie between 0 and 1.")
        if not self.batch:
            raise SpecError("batch", "names no role; give at least one, e.g. {forget: 24}.")
        for role, size in self.batch.items():
            if role not in ROLES:
                raise SpecError(f"batch.{role}", f"is no role; there are: {', '.join(ROLES)}.")
            if size < 1:
                raise SpecError(f"batch.{role}", "must be at least 1.")
        for role, share in self.apart.items():
            if role not in ROLES:
                raise SpecError(f"apart.{role}", f"is no role; there are: {', '.join(ROLES)}.")
            if not 0 < share <= 1:
                raise SpecError(f"apart.{role}", "is a share of the rate; choose above 0, up to 1.")
        if len(self.apart) == 1:
            raise SpecError("apart", "names one role alone; name all of the objective's, or none.")
        if self.stop_at is not None:
            if not 0 <= self.stop_at <= 1:
                raise SpecError("stop_at", "is a share of items; choose between 0 and 1.")
            if self.check_every == 0:
                raise SpecError("stop_at", "needs dev checks; set check_every, e.g. to 10.")
        for key in ("curriculum", "reweight"):
            if abs(getattr(self, key)) > STRONGEST:
                raise SpecError(key, f"must lie between -{STRONGEST} and {STRONGEST}; try 1.")
        if self.limit is not None and not 0 < self.limit <= self.steps:
            raise SpecError("limit", f"must lie between 1 and steps ({self.steps}).")
        if self.choose == "last" and self.patience:
            raise SpecError("patience", "waits for a better look; set choose to best.")
        if self.choose == "best" and not 0 < self.check_every <= (self.limit or self.steps):
            raise SpecError("choose", "best needs looks at dev items; set check_every, e.g. to 10.")

    def rate(self, step: int) -> float:
        """Learning rate of update `step` (from 0): linear warm-up, then the schedule's fall.

        The last update has `final_share` of the highest rate, the last of the warm-up all of it.
        """
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - self.warmup + 1) / (self.steps - self.warmup)
        left = 1 - done if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_share + (1 - self.final_share) * left)

    def turns(self) -> tuple[tuple[str, float], ...]:
        """Who steps within an update, in order, with the share of the rate: roles, or all at once
        under the empty name."""
        return tuple((role, self.apart[role]) for role in ROLES if role in self.apart) or (
            ("", 1.0),
        )
