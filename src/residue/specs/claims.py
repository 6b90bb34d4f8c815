"""Config sections `estimands` and `claims`: a number that is asked for, and a sentence about it.

The entries of the default story stand in `default_estimands` and `default_claims`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from residue.specs.fields import Named, SpecError
from residue.specs.measures import METRICS

FORGET = ("forget_test", "forget_relearn")
"""Both halves: they differ only once a relearning attack has taught one of them."""
RETAIN = ("retain_touched", "retain_untouched")
LEVELS = ("at_least", "at_most")
"""Kinds of claims that compare with no model."""
RATIOS = ("perplexity", "share_left")
"""Statistics that divide by the reference where others subtract it."""


@dataclass(frozen=True)
class EstimandSpec:
    """One quantity: a metric, over some items, for each level of some columns, against something.

    Edited models have one value per item and training seed; base and oracle one per item.
    """

    title: str = ""
    """Words for tables and figures; empty shows the estimand's name."""
    metric: Annotated[str, Named(METRICS)] = "exact_answer"
    """The file in ``measure/metrics/`` whose values are summarised."""
    where: dict[str, tuple[str | bool, ...]] = field(default_factory=dict)
    """Item columns and the values kept, e.g. ``split: [forget_test]``; all conditions must hold."""
    by: tuple[str, ...] = ()
    """Item columns: one estimate for each level found, e.g. ``[language]``; none gives one. ``row``
    splits by the model's rows, for metrics that have them."""
    unit: str = "country"
    """Item column that is resampled; all items of a unit stay together."""
    reference: Literal["none", "base", "oracle"] = "none"
    """Subtract this model's value on the same items; ``none`` reports the level itself."""
    statistic: Literal["rate", "mean", "perplexity", "share_left", "auc", "ks"] = "rate"
    """``rate``: mean over units of each one's mean of values in [0, 1]; ``mean``: of values without
    bounds; ``perplexity``: e to the token-weighted mean of nats, against a reference as a ratio;
    ``share_left``: the rate divided by the reference's;
    ``auc``: chance that an item's value exceeds that of an item of `against`; ``ks``: greatest
    difference between the distributions of values of the model and of its reference."""
    against: dict[str, tuple[str | bool, ...]] = field(default_factory=dict)
    """Item columns and values, as in `where`, of the second group of an ``auc``; its items need not
    be known to the base."""
    itemwise: bool = False
    """For ``auc`` with a reference: subtract its value from each item before the groups are
    compared (the attack by a reference model), instead of one AUC from the other."""
    conditions: tuple[str, ...] = ("plain",)
    """Conditions of an arm for which it is estimated, such as ``nf4``. Where the run has none of
    them it is left out; some of them alone are an error, likely of a name."""
    reference_condition: Literal["plain", "same"] = "plain"
    """The reference as it is, or after the ``same`` attack as the arm."""
    only_known: bool = True
    """Keep only items whose fact the base of the same pair knows; false keeps all."""

    def __post_init__(self) -> None:
        for column, kept in self.where.items():
            if not kept:
                raise SpecError(
                    f"where.{column}", "keeps nothing; list at least one value or drop the key."
                )
        if not self.conditions:
            raise SpecError("conditions", "is empty; write [plain], or the attacks' names.")
        for column, kept in self.against.items():
            if not kept:
                raise SpecError(f"against.{column}", "keeps nothing; list at least one value.")
        if bool(self.against) != (self.statistic == "auc"):
            raise SpecError("against", "belongs to the statistic 'auc', which needs it.")
        if self.itemwise and (self.statistic != "auc" or self.reference == "none"):
            raise SpecError("itemwise", "belongs to the statistic 'auc' with a reference.")
        if self.statistic in ("ks", "share_left") and self.reference == "none":
            raise SpecError(
                "reference", f"is needed by the statistic '{self.statistic}', say base or oracle."
            )
        if self.unit in self.by:
            raise SpecError(
                "by", f"cannot split by the resampling unit '{self.unit}'; one unit has no spread."
            )


@dataclass(frozen=True)
class ClaimSpec:
    """A sentence about an arm, and the margin at which an estimand decides it."""

    sentence: str
    """The claim in plain words, as printed; it is what ``supported`` then stands for."""
    estimand: str
    """Name of an estimand, with a reference unless the claim is of a level; the claim must hold in
    each of its slices."""
    kind: Literal[
        "equivalent", "non_inferior", "non_superior", "reduced", "at_least", "at_most"
    ] = "equivalent"
    """``equivalent``: difference within ± margin; ``non_inferior``: above − margin;
    ``non_superior``: below + margin; ``reduced``: below − margin, or of a ratio such as
    ``share_left`` below 1 − margin, so that at least this much is gone; ``at_least``, ``at_most``:
    the level itself above or below the margin, for a share that no other model sets the measure
    of."""
    margin: float = 0.1
    """Largest difference that still counts as none, in the metric's unit; larger claims less. Of a
    level, the level that must be reached; of a reduction, the least that must be gone."""
    margin_reason: str = "Chosen before the run."
    """Why this margin; printed beside the verdict."""
    arms: tuple[str, ...] = ()
    """Arms judged; empty judges every arm but the reference, base and oracle as controls."""
    family: str = "exploratory"
    """Claims of one family that are part of no headline are corrected together, over all arms, by
    Benjamini and Hochberg's method; a name of its own sets a claim apart, which claims more."""

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise SpecError(
                "margin", f"must be above 0, not {self.margin}; no interval fits in it."
            )
        if not self.sentence.strip():
            raise SpecError("sentence", "is empty; say in words what is claimed.")
