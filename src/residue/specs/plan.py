"""What the rules ask of the config: beside the runs, the slices that jobs depend on.

Read while Snakemake parses the rules, so it imports no numerical library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from residue.core import methods
from residue.specs.conditions import STRESS
from residue.specs.config import SCORED, Config
from residue.specs.default_arms import own_arms
from residue.specs.default_claims import guide_margins, own_claims
from residue.specs.fields import SpecError, listed, load, plain
from residue.specs.four_bits import fitted
from residue.specs.lens import DECODERS
from residue.specs.measures import METRICS, OF_QUOTES, KnownSpec
from residue.specs.report import PAGE_SECTIONS
from residue.specs.runs import Runs


@dataclass(frozen=True)
class Plan(Runs):
    """The runs of a config, and of the config the smallest part that each kind of job reads."""

    notes: tuple[str, ...] = ()
    """What of the default was left out, and why, for whoever started the run."""

    def section(self, name: str) -> Any:
        """A section as JSON values, all defaults written out."""
        return plain(getattr(self.config, name))

    def load(self) -> Any:
        """How models are opened, as every job that opens one depends on it."""
        return plain(self.config.model.load)

    def listed(self, name: str) -> list[dict[str, Any]]:
        """A section of named entries as a list that keeps the config's order."""
        return listed(getattr(self.config, name))

    def items_world(self) -> dict[str, Any]:
        """What the decks depend on: of the documents only which languages are mixed."""
        world = self._world_without("edit_data", "vocabulary", "curriculum", "documents")
        pairs = list(self.config.world.documents.mixed_pairs)
        share = {} if pairs else {"mixed_share": 0.0}  # the default share needs a pair
        return world | {"documents": {"mixed_pairs": pairs, **share}}

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

    def judged(self) -> list[str]:
        """Estimands that decide a claim."""
        return sorted({claim.estimand for claim in self.config.claims.values()})

    def sae_part(self, *parts: str) -> dict[str, Any]:
        """The shapes of the SAEs and the named parts of the section."""
        section = self.section("sae")
        return {name: section[name] for name in ("shape", "beside", *parts)}

    def margins(self) -> dict[str, float | None]:
        """Margins drawn into the figure of forgetting against keeping; None: no such guide."""
        return guide_margins(self.config.claims, self.config.estimands)

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

    def metrics_of(self, deck: str) -> tuple[str, ...]:
        """The metrics of a deck."""
        if deck == STRESS:
            return self.config.stress.metrics
        named = self.config.measures.metrics[deck]
        if deck == "orders" and self.own_data:
            return tuple(name for name in named if name not in OF_QUOTES)
        return named

    def tests(self, *parts: str) -> dict[str, Any]:
        """The named keys of the tests."""
        section = self.section("tests")
        return {name: section[name] for name in parts}

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

    def compared(self) -> dict[str, Any]:
        """What the table of depth depends on beside the lenses' files: neither pictures nor final
        predictions."""
        section = self.section("depth")
        return {name: section[name] for name in ("by", "emerged")}

    def predicted(self) -> dict[str, Any]:
        """What final predictions depend on."""
        section = self.section("depth")
        return {name: section[name] for name in ("temperatures", "top")}


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
    config, notes = fitted(config)
    plan = Plan(config, notes)
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
