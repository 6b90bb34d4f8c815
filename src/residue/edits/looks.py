"""What is watched on dev items while an edit is trained, and which update's weights are kept."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residue.edits.answers import AT_ONCE, Example, score
from residue.edits.batches import ATTACKED, CLEAN, OBEYING, Views
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

logger = logging.getLogger(__name__)

CERTAINTY = 0.95
"""One-sided level of the bound that ranks looks."""


def exact_share(model: Any, units: Sequence[Views]) -> float:
    """Share of items whose first view is answered exactly by greedy decoding, dropout off."""
    with evaluating(model):
        return _mean(said(model, [views[0] for views in units]))


@dataclass(frozen=True)
class Dev:
    """Dev items of a defence, and the rule that ranks its looks at them.

    twins: three views each; families, countries: of the twins, in their order; keep: one view each.
    """

    twins: Sequence[Views]
    families: Sequence[str]
    countries: Sequence[str]
    keep: Sequence[Views]
    allowed_loss: float

    def look(self, model: Any) -> dict[str, float]:
        """What greedy decoding says of the dev items, dropout off.

        dev_right, dev_obeyed: shares of attacked items answered rightly and as the hidden order
        asks; dev_clean: of their clean twins; dev_keep: of the items to keep; dev_bound: over
        families, the smallest exact lower bound on the share of countries in which every attacked
        item is right (Clopper and Pearson).
        """
        clean, right, obeyed = (
            said(model, [views[place] for views in self.twins])
            for place in (CLEAN, ATTACKED, OBEYING)
        )
        kept = said(model, [views[0] for views in self.keep])
        return {
            "dev_right": _mean(right),
            "dev_obeyed": _mean(obeyed),
            "dev_clean": _mean(clean),
            "dev_keep": _mean(kept),
            "dev_bound": worst_bound(right, self.families, self.countries),
        }

    def value(self, look: Mapping[str, float], start: Mapping[str, float]) -> float:
        """Larger is better: the bound (and, to break ties, a little of the share of right answers);
        where clean or kept answers fell by more than is allowed, minus the excess."""
        fallen = max(start[name] - look[name] for name in ("dev_clean", "dev_keep"))
        if fallen > self.allowed_loss:
            return self.allowed_loss - fallen
        return look["dev_bound"] + 1e-3 * look["dev_right"]


def dev_of(pools: Mapping[str, Sequence[Views]], data: pd.DataFrame, allowed_loss: float) -> Dev:
    """The dev items among the defence data's pools, with their families and countries."""
    if not pools.get("dev_twin") or not pools.get("dev_keep"):
        raise ValueError("the defence data hold no dev_twin or no dev_keep items; add some")
    rows = data[data["set"] == "dev_twin"].drop_duplicates("item").set_index("item")
    names = [views[0].item for views in pools["dev_twin"]]
    return Dev(
        pools["dev_twin"],
        [str(rows.at[name, "family"]) for name in names],
        [str(rows.at[name, "country"]) for name in names],
        pools["dev_keep"],
        allowed_loss,
    )


def said(model: Any, examples: Sequence[Example]) -> list[bool]:
    """Whether greedy decoding gives each example's answer and stops."""
    import torch

    parts = [examples[i : i + AT_ONCE] for i in range(0, len(examples), AT_ONCE)]
    with torch.no_grad():
        return [bool(x) for part in parts for x in score(model, part).exact.tolist()]


def worst_bound(right: Sequence[bool], families: Sequence[str], countries: Sequence[str]) -> float:
    """Smallest over families of the exact lower bound on the share of countries all right."""
    from residue.stats.intervals import clopper_pearson

    cells: dict[str, dict[str, bool]] = {}
    for good, family, country in zip(right, families, countries, strict=True):
        whole = cells.setdefault(family, {})
        whole[country] = whole.get(country, True) and good
    two_sided = 2 * CERTAINTY - 1
    return min(
        clopper_pearson(sum(whole.values()), len(whole), two_sided).low for whole in cells.values()
    )


class Best:
    """The best look at a defence's dev items so far, and its weights where they are to be kept."""

    columns = (
        "dev_right", "dev_obeyed", "dev_clean", "dev_keep", "dev_bound",
        "best_step", "best_value", "waited",
    )  # fmt: skip

    def __init__(self, model: Any, weights: Tensor, spec: TrainSpec, dev: Dev | None) -> None:
        """weights: those in training, as one vector; dev: None where no defence is trained."""
        self.model, self.now, self.spec, self.dev = model, weights, spec, dev
        self.start: Mapping[str, float] = {}
        self.step, self.value, self.waited = 0, -math.inf, 0
        self.kept: Tensor | None = None

    def begin(self, history: Sequence[Mapping[str, Any]], kept: Tensor | None) -> None:
        """Look at the model before the edit, which the caller has off, and go on from a history."""
        if self.dev is None:
            return
        with evaluating(self.model):
            self.start = self.dev.look(self.model)
        logger.info("before training: %s", _told(self.start))
        self.kept = kept
        looks = [row for row in history if "best_step" in row]
        if looks:
            self.step, self.value, self.waited = (looks[-1][name] for name in self.columns[-3:])

    def look(self, step: int) -> dict[str, float]:
        """The look after an update, and the best so far."""
        if self.dev is None:
            return {}
        with evaluating(self.model):
            found = self.dev.look(self.model)
        value = self.dev.value(found, self.start)
        if value > self.value:
            self.step, self.value, self.waited = step, value, 0
            self.kept = self.now.clone() if self.spec.choose == "best" else None
        else:
            self.waited += 1
        best = {"best_step": self.step, "best_value": self.value, "waited": self.waited}
        logger.info("after update %d: %s", step, _told({**found, **best}))
        return {**found, **best}

    def waited_enough(self) -> bool:
        """Whether patience is at its end."""
        return bool(self.spec.patience) and self.waited >= self.spec.patience

    def state(self) -> dict[str, Tensor]:
        """What a resume needs beside the history."""
        return {} if self.kept is None else {"best": self.kept}

    def keep(self) -> None:
        """Put the best look's weights in place, where the spec asks for them."""
        if self.kept is not None:
            self.now.copy_(self.kept)


def _told(values: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in values.items())


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode for a while, then every module's own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
