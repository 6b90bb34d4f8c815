"""The whole config as one typed value, and the slices of it that each job depends on.

Read while Snakemake parses the rules, so it imports no numerical library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from residue.core import methods
from residue.specs import succession
from residue.specs.arms import ArmSpec, StepSpec, default_arms, own_arms
from residue.specs.claims import (
    LEVELS,
    ClaimSpec,
    EstimandSpec,
    default_claims,
    default_estimands,
    guide_margins,
    own_claims,
)
from residue.specs.compute import ComputeSpec
from residue.specs.conditions import (
    PLAIN,
    STRESS,
    ConditionSpec,
    StressSpec,
    default_conditions,
)
from residue.specs.data import DataSpec
from residue.specs.depth import DepthSpec
from residue.specs.fields import SpecError, listed, load, plain
from residue.specs.headlines import HeadlineSpec, default_headlines
from residue.specs.implant import ImplantSpec
from residue.specs.injection import InjectionSpec
from residue.specs.lens import DECODERS, LensSpec
from residue.specs.lens_summaries import LensSummariesSpec
from residue.specs.measures import METRICS, OF_QUOTES, KnownSpec, MeasuresSpec
from residue.specs.meta import MetaSpec
from residue.specs.model import ModelSpec
from residue.specs.orders import ORDER_COLUMNS, OrdersSpec
from residue.specs.outputs import Outputs
from residue.specs.patching import EVERY, PatchingSpec
from residue.specs.patching import METRICS as OF_PATCHING
from residue.specs.pretrain import PretrainSpec
from residue.specs.records import RecordsSpec
from residue.specs.report import PAGE_SECTIONS, ReportSpec
from residue.specs.representation import RepresentationSpec
from residue.specs.sae import SaeSpec
from residue.specs.statistics import StatisticsSpec
from residue.specs.streams import StreamsSpec
from residue.specs.tests import METRICS as OF_TESTS
from residue.specs.tests import IndependenceSpec
from residue.specs.witness import WitnessSpec
from residue.specs.world import ITEM_COLUMNS, WorldSpec

UNEDITED = ("base", "oracle")
DECKS = ("facts", "lens", "orders")
COLUMNS = (*ITEM_COLUMNS, *ORDER_COLUMNS)
"""Columns of items, by which estimands choose and group."""
SCORED = ("decks", "edit_data")
"""Parts of the world that models are asked or edited with, never pretrained on."""
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Config:
    """Every section; a section left out takes its defaults."""

    out: str = "results"
    """Folder of everything that the run writes; an overlay names a folder of its own."""
    pairs: int = 1
    """Bases, each with its oracle and its own pretraining seed. With one pair every interval is
    given this checkpoint; each further pair costs a whole pretraining."""
    world: WorldSpec = field(default_factory=WorldSpec)
    """Facts, groups, documents, items."""
    orders: OrdersSpec = OrdersSpec()
    """Orders hidden in data: what is asked and what a defence is shown."""
    data: DataSpec = field(default_factory=DataSpec)
    """Users' own items in place of the embedded world's; needs a local model."""
    model: ModelSpec = field(default_factory=ModelSpec)
    """Where the base comes from."""
    pretrain: PretrainSpec = field(default_factory=PretrainSpec)
    """How the embedded base and oracle are trained."""
    implant: ImplantSpec = ImplantSpec()
    """How a given model is taught the world's countries, so that it too has an oracle."""
    arms: dict[str, ArmSpec] = field(default_factory=default_arms, metadata={"merge": False})
    """The edits to compare; base and oracle are always there."""
    conditions: dict[str, ConditionSpec] = field(default_factory=default_conditions)
    """What is done to arms after their edit, by name; entries add to the defaults, ``null`` takes
    one out."""
    stress: StressSpec = field(default_factory=StressSpec)
    """The items asked under those conditions, and the recovery estimated from them."""
    records: RecordsSpec = field(default_factory=RecordsSpec)
    """What is kept of every answer."""
    representation: RepresentationSpec = field(default_factory=RepresentationSpec)
    """Which rows edits and SAEs work at."""
    streams: StreamsSpec = StreamsSpec()
    """The texts on which lenses and SAEs are fitted, and how many tokens of them."""
    witness: WitnessSpec = field(default_factory=WitnessSpec)
    """Which models TransformerLens reads as well."""
    patching: PatchingSpec = field(default_factory=PatchingSpec)
    """How deep edits reach, by patching rows."""
    sae: SaeSpec = SaeSpec()
    """Sparse autoencoders on those rows, and their features."""
    lens: LensSpec = LensSpec()
    """What is read out of every row of every arm."""
    lens_summaries: LensSummariesSpec = field(default_factory=LensSummariesSpec)
    """How lens tables are summarised: thresholds of milestones, audits and guidance."""
    measures: MeasuresSpec = field(default_factory=MeasuresSpec)
    """The metrics of each deck."""
    depth: DepthSpec = field(default_factory=DepthSpec)
    """What lenses read of every arm, row by row."""
    injection: InjectionSpec = InjectionSpec()
    """How attacks through the data are counted."""
    tests: IndependenceSpec = field(default_factory=IndependenceSpec)
    """Tests of independence inside the models, their calibration, the picture of the graph."""
    statistics: StatisticsSpec = field(default_factory=StatisticsSpec)
    """How intervals are made."""
    meta: MetaSpec = field(default_factory=MetaSpec)
    """Which metrics can be fooled."""
    estimands: dict[str, EstimandSpec] = field(default_factory=default_estimands)
    """What is estimated, by name; entries add to or change the defaults."""
    claims: dict[str, ClaimSpec] = field(default_factory=default_claims)
    """What is claimed, by name; entries add to or change the defaults."""
    headlines: dict[str, HeadlineSpec] = field(default_factory=default_headlines)
    """Which claims must hold together, by name; entries add to or change the defaults."""
    report: ReportSpec = field(default_factory=ReportSpec)
    """The page."""
    compute: ComputeSpec = field(default_factory=ComputeSpec)
    """Speed and place; never part of what a job depends on."""

    def __post_init__(self) -> None:
        if self.pairs < 1:
            raise SpecError("pairs", f"needs at least 1, got {self.pairs}.")
        if self.pairs > 1 and self.model.given and not self.implant.teach:
            raise SpecError("pairs", "must be 1 for a given model: one folder is one checkpoint.")
        self._check_implant()
        world = self.world
        if world.request == "language":
            kept = set(world.edit_data.retain_languages) - set(world.requested_languages)
            if not kept:
                raise SpecError(
                    "world.edit_data.retain_languages",
                    "needs a language that is not requested; add 'en' and request only 'hi'.",
                )
        self.data.check(self.model.source)
        self._check_names()
        succession.check(self.arms)
        self._check_conditions()
        self._check_outputs()
        for arm in self.compute.probe:
            if arm not in self.arms:
                raise SpecError("compute.probe", f"'{arm}' is not an edited arm of this run.")
        self._check_arms("witness.arms", self.witness.arms)
        self._check_arms("tests.graph.arms", self.tests.graph.arms)
        self._check_arms("patching.arms", tuple(set(self.patching.arms) - {EVERY}))
        self._check_estimands()
        self._check_claims()

    def _check_implant(self) -> None:
        if self.implant == ImplantSpec():
            return
        if not self.implant.teach:
            raise SpecError("implant.teach", "is false, so nothing under `implant` is read; set it")
        if not self.model.given:
            raise SpecError("implant.teach", "needs a given model; set model.source to local.")
        if self.data.given:
            raise SpecError("implant.teach", "teaches the world's countries; leave `data` out.")
        if self.model.oracle_folder:
            raise SpecError("model.oracle_folder", "is made by `implant`; leave it out.")

    def _check_names(self) -> None:
        for arm in self.arms:
            if arm in UNEDITED:
                raise SpecError(f"arms.{arm}", "is the name of an unedited model; choose another.")
            if not NAME.fullmatch(arm):
                raise SpecError(f"arms.{arm}", "is no name: small letters, digits and _ only.")
        for deck in self.measures.metrics:
            if deck not in DECKS:
                raise SpecError(
                    f"measures.metrics.{deck}", f"is no deck; there are {', '.join(DECKS)}."
                )

        for key, lenses in (("lens", (self.depth.lens,)), ("lenses", self.depth.lenses)):
            for lens in lenses:
                if self.lens.decoders and lens not in self.lens.decoders:
                    raise SpecError(
                        f"depth.{key}", f"'{lens}' reads no arm; add it under lens.decoders."
                    )
        for column in self.depth.by:
            if column not in COLUMNS:
                raise SpecError(
                    "depth.by", f"items have no column '{column}'; say [requested, language]."
                )

    def _check_conditions(self) -> None:
        made: dict[str, str] = {PLAIN: "the untouched arm"}
        for name, spec in self.conditions.items():
            where = f"conditions.{name}"
            for condition in (name, *spec.names(name)):
                if not NAME.fullmatch(condition):
                    raise SpecError(where, "is no name: small letters, digits and _ only.")
            for condition in spec.names(name):
                if condition in made:
                    raise SpecError(where, f"makes '{condition}', as does {made[condition]}.")
                made[condition] = f"conditions.{name}"
            self._check_arms(f"{where}.arms", spec.arms)
            for arm in spec.arms:
                fault = spec.built().fault(self._removable(arm))
                if fault:
                    raise SpecError(f"{where}.arms", f"the arm '{arm}' {fault}; leave it out.")

    def _removable(self, arm: str) -> list[bool]:
        """Which steps of an arm can be taken off by whoever holds its files."""
        return [step.built_edit().REMOVABLE for step in succession.steps_of(self.arms, arm)]

    def _check_outputs(self) -> None:
        alone = self.model.source == "records"
        for name, arm in self.arms.items():
            if alone and not arm.records:
                raise SpecError(
                    f"arms.{name}", "needs `records`: this run has files of outputs and no model."
                )
        for name, spec in self.conditions.items():
            for attacked in spec.arms:
                if attacked in self.arms and self.arms[attacked].records:
                    raise SpecError(
                        f"conditions.{name}.arms",
                        f"'{attacked}' is known by its outputs alone; nothing can be done to it.",
                    )

    def _check_arms(self, key: str, arms: tuple[str, ...]) -> None:
        for arm in arms:
            if arm not in (*self.arms, *UNEDITED):
                raise SpecError(key, f"'{arm}' is not an arm of this run.")

    def _check_estimands(self) -> None:
        measured = {metric for names in self.measures.metrics.values() for metric in names}
        measured.update(OF_PATCHING, OF_TESTS)
        made = {PLAIN, *(c for name, spec in self.conditions.items() for c in spec.names(name))}
        for name, estimand in self.estimands.items():
            absent = [each for each in estimand.conditions if each not in made]
            if absent and len(absent) < len(estimand.conditions):
                raise SpecError(
                    f"estimands.{name}.conditions",
                    f"nothing makes '{absent[0]}'; name conditions that are made: "
                    f"{', '.join(sorted(made))}.",
                )
            if estimand.metric not in measured:
                raise SpecError(
                    f"estimands.{name}.metric",
                    f"'{estimand.metric}' is not measured; add it under measures.metrics.",
                )
            by = set(estimand.by) - {"row"}
            for column in (*estimand.where, *estimand.against, *sorted(by), estimand.unit):
                if column not in COLUMNS:
                    raise SpecError(
                        f"estimands.{name}",
                        f"items have no column '{column}'; they have {', '.join(COLUMNS)}.",
                    )

    def _check_claims(self) -> None:
        for name, claim in self.claims.items():
            estimand = self.estimands.get(claim.estimand)
            if estimand is None:
                raise SpecError(
                    f"claims.{name}.estimand",
                    f"'{claim.estimand}' is not under estimands; add it there.",
                )
            level, absolute = claim.kind in LEVELS, estimand.reference == "none"
            if absolute and not level:
                raise SpecError(
                    f"claims.{name}.estimand",
                    f"'{claim.estimand}' is compared with nothing; name one with a reference.",
                )
            if level and not absolute:
                raise SpecError(
                    f"claims.{name}.estimand",
                    f"'{claim.estimand}' is a difference, and '{claim.kind}' speaks of a level; "
                    "name one without a reference.",
                )
            self._check_arms(f"claims.{name}.arms", claim.arms)
        for name, headline in self.headlines.items():
            if name in self.claims:
                raise SpecError(f"headlines.{name}", "is the name of a claim; choose another.")
            # A claim of the default that was taken out leaves the headline open, and its row says
            # so; any other name is a slip.
            for part in headline.parts:
                if part not in (*self.claims, *default_claims()):
                    raise SpecError(
                        f"headlines.{name}.parts", f"'{part}' is not under claims; add it there."
                    )


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


def section_names() -> list[str]:
    """The sections of the config, in order."""
    return [each.name for each in fields(Config)]
