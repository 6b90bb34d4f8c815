"""What the steps of an arm are made from: edit data, or the twins and items of a defence."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residue.edits.answers import encode
from residue.edits.arms import ArmError
from residue.edits.attached import Attached
from residue.edits.batches import ATTACKED, Views, pools, preferences
from residue.edits.looks import Dev, dev_of
from residue.specs.arms import StepSpec
from residue.world.requests import part_countries

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

DEV_SETS = ("dev_forget", "dev_retain")
FORGOTTEN = ("forget", "dev_forget")
"""Sets of edit data that are asked to be forgotten."""
LOOKED_AT = 64
"""Items on which an edit must show an effect."""


@dataclass(frozen=True)
class Shown:
    """What the steps of an arm are made from, asked as the edits before them would have it."""

    tokenizer: Any
    data: pd.DataFrame
    defence: pd.DataFrame | None

    def asked(self, edit: Attached) -> Shown:
        """The same with the prompts as one more edit would have them asked."""
        defence = self.defence
        if defence is not None:
            attacked = defence["attacked"].map(lambda text: edit.prompt(text) if text else text)
            defence = defence.assign(prompt=defence["prompt"].map(edit.prompt), attacked=attacked)
        return Shown(
            self.tokenizer, self.data.assign(prompt=self.data["prompt"].map(edit.prompt)), defence
        )

    def targets(self, step: StepSpec) -> list[Views]:
        """Some of the items that a step's edit is to change."""
        if not step.is_defence():
            return pools(self.tokenizer, rows_for(self.data, step))["forget"][:LOOKED_AT]
        rows = self.given()
        some = rows[rows["set"] == "twin"].head(LOOKED_AT)
        return [views[ATTACKED:] for views in defence_pools(self.tokenizer, some)["twin"]]

    def given(self) -> pd.DataFrame:
        """The defence data; `ArmError` where there are none."""
        if self.defence is None:
            raise ArmError("a step is made from defence data, and the arm was given none")
        return self.defence


def rows_for(data: pd.DataFrame, step: StepSpec) -> pd.DataFrame:
    """The edit data that a step is shown: of the forget rows those in its languages, and of its
    part of the countries."""
    if not step.forget_languages and step.forget_part is None:
        return data
    kept = data["language"].isin(step.forget_languages) | (not step.forget_languages)
    if step.forget_part is not None:
        kept &= data["country"].isin(list(part_countries(data, step.forget_part)))
    shown = data[kept | ~data["set"].isin(FORGOTTEN)]
    if "forget" not in set(shown["set"]):
        named = ", ".join(step.forget_languages) or f"part {step.forget_part}"
        raise ArmError(
            f"no forget row is in {named}; mend forget_languages or forget_part of the step"
        )
    return shown.reset_index(drop=True)


def attacks_for(data: pd.DataFrame, step: StepSpec) -> pd.DataFrame:
    """The defence data without the families that a step is not shown, in twins and in texts to
    keep, dev rows included."""
    absent = sorted(set(step.without_families) - set(data["family"]))
    if absent:
        raise ArmError(
            f"the defence data hold no family {absent[0]}; mend without_families, there are: "
            f"{', '.join(sorted(set(data['family']) - {'none'}))}"
        )
    kept = data[~data["family"].isin(step.without_families)]
    lost = sorted(set(data["set"]) - set(kept["set"]))
    if lost:
        raise ArmError(f"no {lost[0]} item is left by without_families of the step; name fewer")
    return kept.reset_index(drop=True)


@dataclass(frozen=True)
class Fed:
    """What a step is trained on, and the dev items that are watched meanwhile."""

    items: Mapping[str, list[Views]]
    dev: Mapping[str, list[Views]]
    defence: Dev | None = None


def fed_by(shown: Shown, step: StepSpec, model: Any) -> Fed:
    """The items of a step: defence data, or edit data, with a second answer where the objective
    prefers one, and with made-up items among the kept ones where these are only held as they were,
    not taught."""
    if step.defends():
        rows = attacks_for(shown.given(), step)
        longest = getattr(model.config, "max_position_embeddings", None)
        items = defence_pools(shown.tokenizer, rows, longest)
        return Fed(items, {}, dev_of(items, rows, step.train.allowed_loss))
    seen = rows_for(shown.data, step)
    items, objective = pools(shown.tokenizer, seen), step.built_objective()
    if getattr(objective, "retain", None) == "kl":
        items["retain"] = [*items["retain"], *items.get("made_up", [])]
    if getattr(objective, "ALTERNATES", False):
        items["forget"] = preferences(shown.tokenizer, seen, getattr(objective, "refusals", {}))
    return Fed(items, {name: items[name] for name in DEV_SETS if name in items})


def defence_pools(
    tokenizer: Any, data: pd.DataFrame, longest: int | None = None
) -> dict[str, list[Views]]:
    """Defence data by set: three views of a twin, one of an item to keep; see data-formats.

    longest: tokens that the model takes. No text is ever cut: an item with a longer view is left
    out and counted in the log; where a whole set would go, `ValueError`.
    """
    found: dict[str, list[Views]] = {name: [] for name in dict.fromkeys(data["set"])}
    left_out = 0
    for row in data.to_dict("records"):
        views = _views(tokenizer, {str(key): value for key, value in row.items()})
        if longest is not None and max(len(view.ids) for view in views) > longest:
            left_out += 1
            continue
        found[str(row["set"])].append(views)
    if left_out:
        logger.warning(
            "%d of %d items of the defence data are left out: longer than the %d tokens that the "
            "model takes",
            left_out,
            len(data),
            longest,
        )
    for name, items in found.items():
        if not items:
            raise ValueError(
                f"every {name} item of the defence data is longer than the {longest} tokens that "
                "the model takes; shorten them"
            )
    return found


def _views(tokenizer: Any, row: Mapping[str, Any]) -> Views:
    item, answer = str(row["item"]), str(row["answer"])
    clean = encode(tokenizer, item, str(row["prompt"]), answer)
    if not row["attacked"]:
        return (clean,)
    attacked = str(row["attacked"])
    return (
        clean,
        encode(tokenizer, item, attacked, answer),
        encode(tokenizer, item, attacked, str(row["hidden_answer"])),
    )
