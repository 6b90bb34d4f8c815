"""The whole config as one typed value, and what its sections must agree on.

Read while Snakemake parses the rules, so it imports no numerical library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields

from residue.specs import succession
from residue.specs.adaptive import AdaptiveSpec
from residue.specs.arms import ArmSpec
from residue.specs.claims import LEVELS, RATIOS, ClaimSpec, EstimandSpec
from residue.specs.compute import ComputeSpec
from residue.specs.conditions import (
    PLAIN,
    ConditionSpec,
    StressSpec,
    default_conditions,
)
from residue.specs.data import DataSpec
from residue.specs.default_arms import default_arms
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.depth import DepthSpec
from residue.specs.fields import SpecError
from residue.specs.headlines import HeadlineSpec, default_headlines
from residue.specs.implant import ImplantSpec
from residue.specs.injection import InjectionSpec
from residue.specs.lens import LensSpec
from residue.specs.lens_summaries import LensSummariesSpec
from residue.specs.measures import MeasuresSpec
from residue.specs.meta import MetaSpec
from residue.specs.model import ModelSpec
from residue.specs.orders import ORDER_COLUMNS, OrdersSpec
from residue.specs.patching import EVERY, PatchingSpec
from residue.specs.patching import METRICS as OF_PATCHING
from residue.specs.pretrain import PretrainSpec
from residue.specs.records import RecordsSpec
from residue.specs.report import ReportSpec
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
    adaptive: AdaptiveSpec = AdaptiveSpec()
    """Attackers through the data who adapt to the model; off by default."""
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
        self._check_languages()
        succession.check(self.arms)
        self._check_conditions()
        self._check_outputs()
        for arm in self.compute.probe:
            if arm not in self.arms:
                raise SpecError("compute.probe", f"'{arm}' is not an edited arm of this run.")
        self._check_arms("witness.arms", self.witness.arms)
        self._check_adaptive()
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

    def _check_languages(self) -> None:
        if self.data.given:
            return
        world = self.world
        for name, arm in self.arms.items():
            beyond = arm.languages() - set(world.requested_languages)
            key = f"arms.{name}.steps"
            unknown = sorted(beyond - set(world.languages))
            if unknown:
                raise SpecError(
                    f"{key}.forget_languages",
                    f"'{unknown[0]}' is not spoken here; there are {', '.join(world.languages)}.",
                )
            if beyond and world.request == "language":
                raise SpecError(
                    f"{key}.forget_languages",
                    f"'{min(beyond)}' is to be kept under request `language`; leave it out.",
                )
            if beyond and any(not step.forget_languages for step in arm.steps):
                raise SpecError(
                    key, "must each name their forget_languages, as one goes beyond the request."
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

    def _check_adaptive(self) -> None:
        self._check_arms("adaptive.arms", self.adaptive.arms)
        own = self.data.given or self.model.source == "records"
        if self.adaptive.attackers and (own or "orders" not in self.measures.metrics):
            raise SpecError(
                "adaptive.attackers",
                "hide orders in the world's own data, and this run asks none; leave them out.",
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
            if claim.kind == "reduced" and estimand.statistic in RATIOS and claim.margin >= 1.0:
                raise SpecError(
                    f"claims.{name}.margin",
                    f"must lie below 1, not {claim.margin}: no more than all can be gone.",
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


def section_names() -> list[str]:
    """The sections of the config, in order."""
    return [each.name for each in fields(Config)]
