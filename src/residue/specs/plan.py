"""What the rules ask of the config: the slices that jobs depend on, and which runs there are.

Read while Snakemake parses the rules, so it imports no numerical library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from residue.core import methods
from residue.specs import succession
from residue.specs.arms import ArmSpec, StepSpec, own_arms
from residue.specs.claims import (
    guide_margins,
    own_claims,
)
from residue.specs.conditions import (
    STRESS,
)
from residue.specs.config import SCORED, UNEDITED, Config
from residue.specs.fields import SpecError, listed, load, plain
from residue.specs.lens import DECODERS
from residue.specs.measures import METRICS, OF_QUOTES, KnownSpec
from residue.specs.outputs import Outputs
from residue.specs.patching import EVERY
from residue.specs.report import PAGE_SECTIONS


@dataclass(frozen=True)
class Plan:
    """The config together with what the rules ask of it."""

    config: Config

    def section(self, name: str) -> Any:
        """A section as JSON values, all defaults written out."""
        return plain(getattr(self.config, name))

    def steps_of(self, arm: str) -> tuple[StepSpec, ...]:
        """Every step between the base and an arm; base and oracle have none."""
        return succession.steps_of(self.config.arms, arm)

    def edited(self) -> dict[str, ArmSpec]:
        """The arms that have a model."""
        return {name: arm for name, arm in self.config.arms.items() if not arm.records}

    def before(self, arm: str, seed: int) -> tuple[str, int] | None:
        """The arm, and its seed, on whose steps an arm's stand."""
        return succession.before(self.config.arms, arm, seed)

    def load(self) -> Any:
        """How models are opened, as every job that opens one depends on it."""
        return plain(self.config.model.load)

    def listed(self, name: str) -> list[dict[str, Any]]:
        """A section of named entries as a list that keeps the config's order."""
        return listed(getattr(self.config, name))

    def items_world(self) -> dict[str, Any]:
        """What the decks depend on: of the documents only which languages are mixed."""
        world = self._world_without("edit_data", "vocabulary", "curriculum", "documents")
        return world | {"documents": {"mixed_pairs": list(self.config.world.documents.mixed_pairs)}}

    def edit_world(self) -> dict[str, Any]:
        """What the edit data depend on: neither decks nor tokenizer nor curriculum."""
        return self._world_without("decks", "vocabulary", "curriculum")

    def tokenizer_world(self) -> dict[str, Any]:
        """What the tokenizer depends on: names and templates, not who reads them when."""
        return self._world_without(*SCORED, *self._asked_in(), "curriculum", "documents")

    def invented_world(self) -> dict[str, Any]:
        """What invented countries depend on: how many are needed, and the seed."""
        world = plain(self.config.world)
        return {name: world[name] for name in ("seed", "groups")}

    def text_world(self) -> dict[str, Any]:
        """What pretraining text depends on: neither decks nor edit data."""
        return self._world_without(*SCORED, *self._asked_in())

    def corpus_world(self) -> dict[str, Any]:
        """What the corpus depends on: what pretraining text does, but not who is read of when."""
        return self._world_without(*SCORED, *self._asked_in(), "curriculum", "vocabulary")

    def corpus_part(self) -> dict[str, Any]:
        """The corpus' share of `streams`: not how much of it is recorded."""
        streams = self.config.streams
        return {"documents": streams.documents, "held_out_share": streams.held_out_share}

    def _asked_in(self) -> list[str]:
        """Where countries are forgotten as a whole, no text depends on the languages in which that
        is asked for."""
        return ["requested_languages"] if self.config.world.request == "facts" else []

    def _world_without(self, *names: str) -> dict[str, Any]:
        """The section without keys that a job does not read; it sees their defaults."""
        world: dict[str, Any] = plain(self.config.world)
        return {key: value for key, value in world.items() if key not in names}

    def page_world(self) -> Any:
        """What the page says of the world, or of users' data, in words."""
        if self.own_data:
            return self.config.data.in_words()
        if self.alone:
            files = [path for _, path in self.output_files()]
            return {"files": list(dict.fromkeys(files)), "requested_languages": []}
        names = ("request", "seed", "relations", "languages", "requested_languages")
        return {name: plain(getattr(self.config.world, name)) for name in names}

    def defences(self) -> list[str]:
        """The arms made against hidden orders: a step of theirs is made from defence data."""
        return [
            name
            for name, arm in self.config.arms.items()
            if any(step.is_defence() for step in arm.steps)
        ]

    def judged(self) -> list[str]:
        """Estimands that decide a claim."""
        return sorted({claim.estimand for claim in self.config.claims.values()})

    def requested(self) -> list[str]:
        """The languages in which the edit is asked to forget; of users' data none means all."""
        chosen = self.config.data if self.own_data or self.alone else self.config.world
        return list(chosen.requested_languages)

    def makes_saes(self) -> bool:
        """Whether SAEs are made: always, or because an edit of some arm reads them."""
        steps = (step for arm in self.config.arms.values() for step in arm.steps)
        return self.config.sae.always or any(step.needs() & {"sae", "features"} for step in steps)

    def sae_part(self, *parts: str) -> dict[str, Any]:
        """The shapes of the SAEs and the named parts of the section."""
        section = self.section("sae")
        return {name: section[name] for name in ("shape", "beside", *parts)}

    def margins(self) -> dict[str, float | None]:
        """Margins drawn into the figure of forgetting against keeping; None: no such guide."""
        return guide_margins(self.config.claims, self.config.estimands)

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

    def outputs(self, arm: str) -> tuple[Outputs, ...]:
        """The files of an arm that is known by its outputs alone; none of one with a model."""
        if arm in UNEDITED:
            found: tuple[Outputs, ...] = getattr(self.config.model, arm)
            return found
        return self.config.arms[arm].records

    def output_files(self) -> list[tuple[Outputs, str]]:
        """Every file of outputs of a run, with what the config says of it."""
        return [
            (source, source.path(seed))
            for arm, _, seed in self.runs()
            for source in self.outputs(arm)
        ]

    @property
    def alone(self) -> bool:
        """Whether files of outputs are all there is."""
        return self.config.model.source == "records"

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

    def curves(self) -> list[dict[str, Any]]:
        """Attack by attack its conditions, and how strong each is where they form a curve."""
        return [
            {
                "attack": name,
                "conditions": list(spec.names(name)),
                "at": list(steps) if isinstance(steps, tuple) else [],
            }
            for name, spec in self.config.conditions.items()
            # Only a list of them is a curve; a soft prompt has one number of its own.
            for steps in [getattr(spec.built(), "steps", ())]
        ]

    def kinds_of_attack(self) -> dict[str, str]:
        """Condition → the file of the attack that makes it."""
        return {
            condition: spec.attack["name"]
            for name, spec in self.config.conditions.items()
            for condition in spec.names(name)
        }

    def _immune(self, name: str, arm: str) -> bool:
        return bool(self.config.conditions[name].built().fault(self.config._removable(arm)))

    def metrics_of(self, deck: str) -> tuple[str, ...]:
        """The metrics of a deck."""
        if deck == STRESS:
            return self.config.stress.metrics
        named = self.config.measures.metrics[deck]
        if deck == "orders" and self.own_data:
            return tuple(name for name in named if name not in OF_QUOTES)
        return named

    def unedited(self) -> tuple[str, ...]:
        """Base, and its oracle where there is one."""
        if self.alone:
            return tuple(name for name in UNEDITED if self.outputs(name))
        model, implant = self.config.model, self.config.implant
        bare = model.given and not model.oracle_folder and not implant.teach
        return UNEDITED[:1] if bare else UNEDITED

    @property
    def invents(self) -> bool:
        """Whether the world's countries are invented."""
        return self.config.implant.teach and self.config.implant.countries == "invented"

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

    def tests(self, *parts: str) -> dict[str, Any]:
        """The named keys of the tests."""
        section = self.section("tests")
        return {name: section[name] for name in parts}

    def tests_orders(self) -> bool:
        """Whether twins are asked: only where there is a deck with orders."""
        return self.config.tests.orders and bool(self.tested()) and "orders" in self.decks()

    def drawn_graphs(self) -> list[str]:
        """The arms of the causal picture, the base first."""
        if not self.tests_orders():
            return []
        edited = [arm for arm in self.tested() if arm not in UNEDITED]
        return list(dict.fromkeys(["base", *(self.config.tests.graph.arms or edited[:1])]))

    def graph(self) -> dict[str, Any]:
        """What the picture of one arm depends on: not which others are drawn."""
        graph: dict[str, Any] = self.section("tests")["graph"]
        return {name: value for name, value in graph.items() if name != "arms"}

    def patching(self) -> dict[str, Any]:
        """What patching one arm depends on: not which others are, and the languages by name."""
        spec = self.section("patching")
        asked = dict.fromkeys(["en", *self.requested()])
        languages = spec["languages"] or ([] if self.own_data else list(asked))
        return {k: v for k, v in spec.items() if k != "arms"} | {"languages": languages}

    @property
    def own_data(self) -> bool:
        """Whether the items are users' own."""
        return self.config.data.given

    def lens_deck(self) -> str:
        """The deck that the lenses read; users' data have one deck for everything."""
        return "facts" if self.own_data or self.alone else "lens"

    def arms(self) -> list[str]:
        """Every arm of the run that has a model, base and oracle first."""
        return list(dict.fromkeys(arm for arm, _, _ in self.modelled()))

    def compared(self) -> dict[str, Any]:
        """What the table of depth depends on beside the lenses' files: neither pictures nor final
        predictions."""
        section = self.section("depth")
        return {name: section[name] for name in ("by", "emerged")}

    def predicted(self) -> dict[str, Any]:
        """What final predictions depend on."""
        section = self.section("depth")
        return {name: section[name] for name in ("temperatures", "top")}

    def decks(self) -> list[str]:
        """The decks that are recorded; users' data have orders where files of them are named."""
        if self.own_data or self.alone:
            return ["facts", "orders"] if self.config.data.orders else ["facts"]
        return [d for d in self.config.measures.metrics if d != "lens" or self.reads_rows()]

    def asks_orders(self) -> bool:
        """Whether arms are asked the deck of orders, and with it attacked through their data."""
        return "orders" in self.decks()

    def adaptive(self) -> list[tuple[str, int, int]]:
        """The runs before which attackers adapt; none without attackers."""
        spec = self.config.adaptive
        chosen = spec.arms or ("base", *self.defences())
        return [run for run in self.modelled() if spec.attackers and run[0] in chosen]

    def reads_rows(self) -> bool:
        """Whether any lens reads the arms; without one nothing is asked of the lens deck."""
        return bool(self.config.lens.decoders) and not self.alone


def read_config(data: Mapping[str, Any]) -> Plan:
    """The typed config, or one sentence that names the key and the mend."""
    config = load(Config, data, "")
    if config.data.given:
        config = replace(config, arms=own_arms(config.arms))
    if config.data.given or config.model.source == "records":
        config = replace(config, claims=own_claims(config.claims), arms=own_arms(config.arms))
    if config.model.source == "records" and config.measures.known == KnownSpec():
        # One wording each: nothing but the scored answer itself could say what the base knew.
        known = KnownSpec(least=0)
        config = replace(config, measures=replace(config.measures, known=known))
    plan = Plan(config)
    for deck, metrics in plan.config.measures.metrics.items():
        for metric in metrics:
            _known(METRICS, metric, f"measures.metrics.{deck}")
    for decoder in plan.config.lens.decoders:
        _known(DECODERS, decoder, "lens.decoders")
    for section in plan.config.report.sections:
        _known(PAGE_SECTIONS, section, "report.sections")
    for key in ("folder", "oracle_folder"):
        folder = getattr(plan.config.model, key)
        if folder is not None and not Path(folder, "config.json").is_file():
            raise SpecError(f"model.{key}", f"'{folder}' holds no config.json; name a saved model.")
    config.data.check_files()
    for source, path in plan.output_files():
        if not Path(path).is_file():
            raise SpecError("records", f"'{source.file}': {path} does not exist; put it there.")
    return plan


def _known(folder: str, name: str, key: str) -> None:
    try:
        methods.path(folder, name)
    except methods.UnknownMethodError as error:
        raise SpecError(key, str(error)) from None
