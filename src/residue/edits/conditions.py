"""What is done to an arm after its edit: attacks by name, each making one condition or several.

An attacked arm is an arm: a folder with an arm.json that `open_arm` opens like any other.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from residue.core.artifacts import write_json
from residue.edits.arms import ARM, WEIGHTS, OpenArm, digests, open_arm
from residue.edits.attached import Attached

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MODEL = "model"


@dataclass(frozen=True)
class Shown:
    """What an attacker has to learn from: the edit data, and which country plays which role."""

    rows: pd.DataFrame
    """As the edit was shown them: set, item, prompt, answer, country, language."""
    roles: Mapping[str, tuple[str, str]]
    """Country → (group, role)."""


@dataclass(frozen=True)
class Made:
    """One condition as an attack leaves it: what of the arm stays, and what comes on top."""

    condition: str
    steps: Sequence[int]
    """Places of the arm's own steps that stay, from 0."""
    edit: Attached | None = None
    """An edit put on top of them, with `method`, the file that loads it."""
    method: str = ""
    model: Any = None
    """A model that takes the base's place, to be saved."""
    prefill: int = 0
    """Tokens of the accepted answer that are given with the prompt."""


def taught(shown: Shown, data: Literal["other", "same", "benign"]) -> pd.DataFrame:
    """The rows of the edit data that an attacker trains on; none is a `ValueError`.

    other: forget countries set apart for this; same: those that are tested; benign: retain facts.
    """
    if data == "benign":
        rows = shown.rows[shown.rows["set"] == "retain"]
    else:
        role = "relearn" if data == "other" else "test"
        countries = [c for c, place in shown.roles.items() if place == ("forget", role)]
        mine = shown.rows["country"].isin(countries)
        rows = shown.rows[mine & (shown.rows["set"] == "forget")]
    if not len(rows):
        raise ValueError(
            f"there is nothing to learn from: no row of the edit data is of kind '{data}'; "
            "leave this condition out, or put more clusters aside for relearning"
        )
    return rows


class Attack(Protocol):
    """What the class `Attack` of every file of `edits/attacks/` offers.

    One that trains may have ``update()``: its update as a `StepSpec`, for the plan of memory. One
    that changes weights in their place has ``WHOLE``: a model in four bits cannot have it.
    """

    EDITS: ClassVar[tuple[str, ...]]
    """Edit methods that it puts on top, which opening the arm then needs."""
    OBJECTIVES: ClassVar[tuple[str, ...]]
    """Objectives that it trains with."""

    def conditions(self, name: str) -> Sequence[str]:
        """Names of the conditions that it makes under its own name in the config."""

    def fault(self, removable: Sequence[bool]) -> str:
        """Why it cannot be done to an arm whose steps are removable or not; empty if it can."""

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Attack an open arm; `keep` saves each condition as the model is at that moment."""


def attack_arm(
    arm_file: Path,
    attack: Attack,
    name: str,
    shown: Shown,
    *,
    home: Path,
    target: Path,
    seed: int,
    device: str = "cpu",
) -> None:
    """Attack an arm and write each condition's folder into `target`, which will become `home`."""
    with open_arm(arm_file, device=device) as opened:

        def keep(made: Made) -> None:
            logger.info("condition %s of arm %s", made.condition, opened.arm["arm"])
            _write(opened, arm_file, made, home / made.condition, target / made.condition)

        attack.run(name, opened, shown, keep, seed=seed)


def _write(opened: OpenArm, arm_file: Path, made: Made, home: Path, target: Path) -> None:
    target.mkdir(parents=True)
    old, arm = arm_file.parent, dict(opened.arm)
    base = old / arm["base"]["folder"]
    arm["base"] = {**arm["base"], "folder": _from(home, base)}
    if made.model is not None:
        made.model.save_pretrained(target / MODEL)
        for name in arm["base"]["sha256"]:
            if "safetensors" not in name and not (target / MODEL / name).exists():
                shutil.copy(base / name, target / MODEL / name)
        arm["base"] = {"folder": MODEL, "sha256": digests(target / MODEL)}
    kept = [arm["steps"][place] for place in made.steps]
    arm["steps"] = [{**step, "file": _from(home, old / step["file"])} for step in kept]
    if made.edit is not None:
        file = f"{WEIGHTS}/{len(kept) + 1}-{made.method}"
        made.edit.save(target / file)
        arm["steps"].append(
            {
                "edit": made.method,
                "file": file,
                "hook": made.edit.hook,
                "sha256": digests(target / file),
                "removable": False,
                "strength": 1.0,
            }
        )
    write_json(target / ARM, arm | {"condition": made.condition, "prefill": made.prefill})


def _from(home: Path, path: Path) -> str:
    """A path as seen from the folder where the arm.json will lie."""
    return Path(os.path.relpath(path, home)).as_posix()
