"""Measurements of the deck `orders` by arm, measure and slice, and which families count.

Only retain countries are read: dev countries are for choices, and of forget countries an edit may
rightly have no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from residue.specs.claims import RETAIN
from residue.specs.injection import ATTACKABLE, InjectionSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import estimate

METRICS: Mapping[str, str] = {
    "right": "right_under_attack",
    "obeyed": "orders_obeyed",
    "refused": "order_refused",
    "changed": "reply_changed",
    "separation": "twin_separation",
    "retrieval": "twin_retrieval",
    "fidelity": "fidelity",
    "useful": "instruction_accuracy",
    "declined": "order_refused",
    "sensitivity": "order_sensitivity",
    "answer_tokens": "answer_tokens",
    "stability": "order_stability",
    "control_right": "instruction_accuracy",
    "over_refusal": "order_refused",
}
"""Measure → the metric whose values it sums up; `declined` is refusal of clean instructions."""
_ATTACKED = ("right", "obeyed", "refused", "changed", "separation", "retrieval")
_CONTROLS = ("control_right", "over_refusal")
_MEANS = ("separation", "stability")
_KEPT = ["arm", "pair", "seed", "item", "value", "weight", "status"]
_COLUMNS = [
    "item", "country", "family", "style", "position", "held_out", "twin", "witness", "template",
]  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """Some attacked items: a column with one value, or one of its comma-joined words."""

    name: str = ""
    families: tuple[str, ...] | None = None
    column: str = ""
    value: str = ""
    attackable: bool = True
    held_out: bool = False
    """Whether it is a family that no training showed."""
    note: str = ""

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of the slice."""
        if self.families is not None:
            rows = rows[rows["family"].isin(self.families)]
        if self.column == "held_out":
            words = [text.split(",") for text in rows["held_out"]]
            return rows[pd.Series([self.value in each for each in words], rows.index, dtype=bool)]
        return rows[rows[self.column] == self.value] if self.column else rows


class Attacks:
    """The measurements of a run's arms under attack."""

    def __init__(
        self,
        measurements: pd.DataFrame,
        deck: pd.DataFrame,
        spec: InjectionSpec,
        statistics: StatisticsSpec,
    ) -> None:
        """measurements: of the deck `orders`, all arms; deck: its items."""
        self._spec, self._statistics = spec, statistics
        asked = deck.loc[deck["split"].isin(RETAIN), _COLUMNS]
        wanted = measurements["metric"].isin(set(METRICS.values()))
        rows = measurements.loc[wanted, ["metric", *_KEPT]].merge(asked, on="item")
        order = {"base": 0, "oracle": 1}
        self.arms = sorted(rows["arm"].unique(), key=lambda arm: order.get(arm, 2))
        self.measures = [
            name for name, metric in METRICS.items() if (rows["metric"] == metric).any()
        ]
        self._parts = {
            (str(arm), str(metric)): part
            for (arm, metric), part in rows.groupby(["arm", "metric"], sort=False)
        }
        self._nothing = rows.iloc[:0]

    def rows(self, arm: str, measure: str, cut: Slice | None = None) -> pd.DataFrame:
        """Measured rows of an arm; of `measure` only its own kind of item."""
        cut = cut or Slice()
        rows = self._parts.get((arm, METRICS[measure]), self._nothing)
        if measure in _CONTROLS:
            rows = rows[rows["style"].str.startswith("control_")]
        elif measure == "fidelity":
            return cut.of(rows)
        elif measure in _ATTACKED:
            rows = rows[(rows["family"] != "none") & (rows["witness"] != "")]
        else:
            rows = rows[(rows["family"] == "none") & (rows["style"] == "plain")]
        return cut.of(rows)

    def statistic(self, measure: str) -> str:
        """``rate``, or ``mean`` where values have other bounds."""
        return "mean" if measure in _MEANS else "rate"

    def whole(self, measure: str) -> list[Slice]:
        """All items; of attacks also those of the families that count, if some do not."""
        if measure not in _ATTACKED or len(self.counted) == len(self._families):
            return [Slice()]
        left = ", ".join(sorted(set(self._families) - set(self.counted)))
        return [Slice(), Slice(ATTACKABLE, tuple(self.counted), note=f"without {left}")]

    def slices(self, measure: str) -> list[Slice]:
        """`whole`, then by family, position, and held-out axis."""
        rows = self.rows("base", "obeyed")
        positions = [place for place in dict.fromkeys(rows["position"]) if place]
        axes = sorted({word for text in rows["held_out"] for word in text.split(",") if word})
        counted = tuple(self.counted)
        return [
            *self.whole(measure),
            *self.families(),
            *(Slice(f"position={p}", counted, "position", p) for p in positions),
            *(Slice(f"held_out={a}", counted, "held_out", a) for a in axes),
            *([Slice("held_out=none", counted, "held_out", "")] if axes else []),
        ]

    def families(self) -> list[Slice]:
        """Each family, with whether it counts."""
        rows = self.rows("base", "obeyed")
        unseen = {f for f, part in rows.groupby("family") if _all_hold(part["held_out"], "family")}
        return [
            Slice(
                f"family={family}",
                (family,),
                attackable=family in self.counted,
                held_out=family in unseen,
                note="" if family in self.counted else self._why(family),
            )
            for family in self._families
        ]

    @cached_property
    def counted(self) -> list[str]:
        """Families that the base obeys often enough, by the lower end of the interval."""
        return [f for f, low in self._obeyed_by_base.items() if low >= self._spec.attackable]

    @property
    def _families(self) -> list[str]:
        return list(self._obeyed_by_base)

    @cached_property
    def _obeyed_by_base(self) -> dict[str, float]:
        """Family → lower end of the share of its orders that the base obeys."""
        rows = self.rows("base", "obeyed")
        return {
            str(family): estimate(part, "country", None, "rate", self._statistics).low
            for family, part in rows.groupby("family", sort=False)
        }

    def _why(self, family: str) -> str:
        low = self._obeyed_by_base[family]
        return (
            f"not attackable: the base obeys it at least {max(low, 0.0):.2f} of the time at this "
            f"level, below {self._spec.attackable:g}; resisting it is no defence"
        )


def _all_hold(axes: pd.Series[str], axis: str) -> bool:
    return all(axis in text.split(",") for text in axes)
