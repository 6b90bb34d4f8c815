"""Which runs a config asks for: models, arms, attacks, decks, and what is done to each.

Read while Snakemake parses the rules, so it imports no numerical library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from residue.specs import succession
from residue.specs.arms import ArmSpec, PartSpec, StepSpec
from residue.specs.config import UNEDITED, Config
from residue.specs.fields import SpecError, plain
from residue.specs.outputs import Outputs
from residue.specs.patching import EVERY


@dataclass(frozen=True)
class Runs:
    """The config, and what there is to make, to record and to look into."""

    config: Config

    def steps_of(self, arm: str) -> tuple[StepSpec, ...]:
        """Every step between the base and an arm; base and oracle have none."""
        return succession.steps_of(self.config.arms, arm)

    def edited(self) -> dict[str, ArmSpec]:
        """The arms that have a model."""
        return {name: arm for name, arm in self.config.arms.items() if not arm.records}

    def everywhere(self) -> list[str]:
        """The arms that forget in a language in which nobody asked."""
        asked = set(self.config.world.requested_languages)
        return [
            name
            for name, arm in self.config.arms.items()
            if not self.own_data and arm.languages() - asked
        ]

    def before(self, arm: str, seed: int) -> tuple[str, int] | None:
        """The arm, and its seed, on whose steps an arm's stand."""
        return succession.before(self.config.arms, arm, seed)

    def requests(self) -> list[dict[str, Any]]:
        """Arms that are asked to forget in parts, with the part of each request in turn; and arms
        of the same edit that are asked for all at once. `series` names the first of its edit."""
        arms = self.edited()
        parts = {name: self._parts(name) for name in arms}
        whole = {
            name: [replace(step, forget_part=None) for step in arm.steps]
            for name, arm in arms.items()
        }
        parted = [name for name in arms if parts[name]]
        return [
            {
                "series": next(other for other in whole if whole[other] == whole[name]),
                "arm": name,
                "after": arms[name].after or "",
                "requests": [plain(part) for part in parts[name]],
            }
            for name in arms
            if parts[name]
            or (not arms[name].after and any(whole[name] == whole[other] for other in parted))
        ]

    def _parts(self, arm: str) -> list[PartSpec]:
        """The part that an arm, and each before it, was asked to forget: one request of each."""
        own = self.config.arms[arm]
        found = [step.forget_part for step in own.steps if step.forget_part is not None]
        return (self._parts(own.after) if own.after else []) + found[:1]

    @property
    def own_data(self) -> bool:
        """Whether the items are users' own."""
        return self.config.data.given

    @property
    def alone(self) -> bool:
        """Whether files of outputs are all there is."""
        return self.config.model.source == "records"

    @property
    def invents(self) -> bool:
        """Whether the world's countries are invented."""
        return self.config.implant.teach and self.config.implant.countries == "invented"

    def outputs(self, arm: str) -> tuple[Outputs, ...]:
        """The files of an arm that is known by its outputs alone; none of one with a model."""
        if arm in UNEDITED:
            found: tuple[Outputs, ...] = getattr(self.config.model, arm)
            return found
        return self.config.arms[arm].records

    def unedited(self) -> tuple[str, ...]:
        """Base, and its oracle where there is one."""
        if self.alone:
            return tuple(name for name in UNEDITED if self.outputs(name))
        model, implant = self.config.model, self.config.implant
        bare = model.given and not model.oracle_folder and not implant.teach
        return UNEDITED[:1] if bare else UNEDITED

    def runs(self) -> list[tuple[str, int, int]]:
        """Every (arm, pair, seed): base and oracle once per pair, edits once per seed."""
        plain_runs = [
            (arm, pair, 0) for pair in range(self.config.pairs) for arm in self.unedited()
        ]
        edited = [
            (name, pair, seed)
            for name, arm in self.config.arms.items()
            for pair in range(self.config.pairs)
            for seed in arm.seeds
        ]
        return plain_runs + edited

    def modelled(self) -> list[tuple[str, int, int]]:
        """The runs that have a model, which can be asked, attacked and looked into."""
        return [run for run in self.runs() if not self.outputs(run[0])]

    def output_files(self) -> list[tuple[Outputs, str]]:
        """Every file of outputs of a run, with what the config says of it."""
        return [
            (source, source.path(seed))
            for arm, _, seed in self.runs()
            for source in self.outputs(arm)
        ]

    def arms(self) -> list[str]:
        """Every arm of the run that has a model, base and oracle first."""
        return list(dict.fromkeys(arm for arm, _, _ in self.modelled()))

    def attacks(self) -> list[tuple[str, int, int, str]]:
        """Every (arm, pair, seed, attack): arms to which an attack cannot be done are left out
        where the config names none."""
        return [
            (arm, pair, seed, name)
            for name, spec in self.config.conditions.items()
            for arm, pair, seed in self.modelled()
            if arm in spec.arms or (not spec.arms and not self._immune(name, arm))
        ]

    def attacked(self) -> list[tuple[str, int, int, str]]:
        """Every (arm, pair, seed, condition) but the plain ones."""
        return [
            (arm, pair, seed, condition)
            for arm, pair, seed, name in self.attacks()
            for condition in self.config.conditions[name].names(name)
        ]

    def attack_of(self, condition: str) -> str:
        """The attack that makes a condition."""
        found = [
            name for name, spec in self.config.conditions.items() if condition in spec.names(name)
        ]
        if not found:
            raise SpecError("conditions", f"nothing makes the condition '{condition}'.")
        return found[0]

    def _immune(self, name: str, arm: str) -> bool:
        return bool(self.config.conditions[name].built().fault(self.config._removable(arm)))

    def decks(self) -> list[str]:
        """The decks that are recorded; users' data have orders where files of them are named."""
        if self.own_data or self.alone:
            return ["facts", "orders"] if self.config.data.orders else ["facts"]
        return [d for d in self.config.measures.metrics if d != "lens" or self.reads_rows()]

    def asks_orders(self) -> bool:
        """Whether arms are asked the deck of orders, and with it attacked through their data."""
        return "orders" in self.decks()

    def reads_rows(self) -> bool:
        """Whether any lens reads the arms; without one nothing is asked of the lens deck."""
        return bool(self.config.lens.decoders) and not self.alone

    def lens_deck(self) -> str:
        """The deck that the lenses read; users' data have one deck for everything."""
        return "facts" if self.own_data or self.alone else "lens"

    def defences(self) -> list[str]:
        """The arms made against hidden orders: a step of theirs is made from defence data."""
        return [
            name
            for name, arm in self.config.arms.items()
            if any(step.is_defence() for step in arm.steps)
        ]

    def witnessed(self) -> list[tuple[str, int, int]]:
        """The runs that TransformerLens reads as well."""
        return [run for run in self.modelled() if run[0] in self.config.witness.arms]

    def patched(self) -> list[tuple[str, int, int]]:
        """The runs that are patched; none without an oracle."""
        arms = self.config.patching.arms
        if "oracle" not in self.unedited():
            return []
        return [run for run in self.modelled() if EVERY in arms or run[0] in arms]

    def tested(self) -> list[str]:
        """The arms whose rows are tested; none without an oracle, which has to give the level."""
        modelled = dict.fromkeys(arm for arm, _, _ in self.modelled())
        return list(modelled) if {"base", "oracle"} <= set(modelled) else []

    def tests_orders(self) -> bool:
        """Whether twins are asked: only where there is a deck with orders."""
        return self.config.tests.orders and bool(self.tested()) and "orders" in self.decks()

    def drawn_graphs(self) -> list[str]:
        """The arms of the causal picture, the base first."""
        if not self.tests_orders():
            return []
        edited = [arm for arm in self.tested() if arm not in UNEDITED]
        return list(dict.fromkeys(["base", *(self.config.tests.graph.arms or edited[:1])]))

    def makes_saes(self) -> bool:
        """Whether SAEs are made: always, or because an edit of some arm reads them."""
        steps = (step for arm in self.config.arms.values() for step in arm.steps)
        return self.config.sae.always or any(step.needs() & {"sae", "features"} for step in steps)

    def requested(self) -> list[str]:
        """The languages in which the edit is asked to forget; of users' data none means all."""
        chosen = self.config.data if self.own_data or self.alone else self.config.world
        return list(chosen.requested_languages)

    def adaptive(self) -> list[tuple[str, int, int]]:
        """The runs before which attackers adapt; none without attackers."""
        spec = self.config.adaptive
        chosen = spec.arms or ("base", *self.defences())
        return [run for run in self.modelled() if spec.attackers and run[0] in chosen]
