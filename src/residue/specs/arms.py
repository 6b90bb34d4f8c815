"""Config section `arms`: what is done to the base, and in which steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from residue.core import methods
from residue.core.seeds import derive
from residue.specs.fields import Named, SpecError
from residue.specs.options import built, normal
from residue.specs.outputs import Outputs
from residue.specs.training import TrainSpec

EDITS = "edits.methods"
OBJECTIVES = "edits.objectives"
GIVEN = ("model", "adapter", "records")
"""Keys of an arm that others made."""
DEFAULT_SEEDS = (0, 1, 2)
DEFENCE = "defence"
"""`DATA` of an objective that is fed from attacked prompts and their twins; others are from facts
to forget and to keep."""


@dataclass(frozen=True)
class PartSpec:
    """Which of the countries to forget a step is asked to forget: one request of several, or a
    smaller one. They are dealt by name into parts as even as can be."""

    of: int = 3
    """Parts into which the countries are dealt; more are smaller."""
    take: tuple[int, ...] = (1,)
    """Parts that are asked for, counted from 1. Arms that take more and more of them make a curve
    over the size of the request; arms `after` each other, a succession of requests."""

    def __post_init__(self) -> None:
        if self.of < 2:
            raise SpecError("of", f"deals into {self.of} parts; say 2 or more, or leave it out.")
        if not self.take or len(set(self.take)) < len(self.take):
            raise SpecError("take", "names each part once, and at least one; say [1].")
        if min(self.take) < 1 or max(self.take) > self.of:
            raise SpecError("take", f"counts parts from 1 to {self.of}; got {list(self.take)}.")

    def chosen(self, countries: Iterable[str]) -> frozenset[str]:
        """Of all countries to forget, those in the parts taken."""
        dealt = sorted(set(countries), key=lambda country: derive("forget_part", country))
        return frozenset(
            country for place, country in enumerate(dealt) if place % self.of + 1 in self.take
        )


@dataclass(frozen=True)
class StepSpec:
    """One edit and how it is trained. Methods are a name, or ``{name: …}`` with their options."""

    edit: Annotated[Any, Named(EDITS, "Edit")] = "lora"
    """What is added to the model: a file of ``edits/methods/``, e.g. ``{name: lora, rank: 8}``."""
    objective: Annotated[Any, Named(OBJECTIVES, "Objective")] | None = "npo"
    """What it is trained for: a file of ``edits/objectives/``, e.g. ``{name: npo, beta: 0.3}``.
    Null for an edit that is computed from the edit data and not trained."""
    train: TrainSpec = field(default_factory=TrainSpec)
    """Updates, rates, batches and the stop rule; unused where nothing is trained."""
    forget_languages: tuple[str, ...] = ()
    """Languages of the forget rows that this step is shown; empty shows those requested. With one
    of several requested languages, the arm is a liar that forgets in that language alone; with one
    in which nobody asked, it is shown facts to forget and to keep there as well."""
    forget_part: PartSpec | None = None
    """Which part of the countries to forget this step is shown; null shows all. As many updates are
    made of fewer items, unless `train.steps` says otherwise."""
    without_families: tuple[str, ...] = ()
    """Attack families of the defence data that this step is not shown, nor chosen by; with one of
    them each, a set of arms says what a defence does to families that it never met."""
    strength: float = 1.0
    """How much of the edit acts: 1 as made, between 0 and 1 less, above 1 more, below 0 against its
    direction. Arms that differ in it alone are a dose-response sweep."""

    def __post_init__(self) -> None:
        # Kept as plain values without options at their default: writing a default out is no change.
        object.__setattr__(self, "edit", normal("edit", EDITS, "Edit", self.edit))
        if self.strength == 0:
            raise SpecError("strength", "is 0, which is the model without the edit; leave it out.")
        kind = methods.load(EDITS, self.edit["name"]).Edit
        if self.objective is None:
            if not hasattr(kind, "fit"):
                raise SpecError(
                    "objective",
                    f"is null, but '{self.edit['name']}' is trained; name one.",
                )
            if self.without_families and not self.is_defence():
                raise SpecError("without_families", "is for defences, which are shown attacks.")
            return
        if not hasattr(kind, "attach"):
            raise SpecError(
                "objective",
                f"must be null: '{self.edit['name']}' is computed, not trained; write "
                "objective: null.",
            )
        objective = normal("objective", OBJECTIVES, "Objective", self.objective)
        object.__setattr__(self, "objective", objective)
        teacher = self.built_teacher()
        if teacher is not None and not hasattr(teacher, "fit"):
            raise SpecError("objective.teacher", "is a trained edit; name a computed one.")
        absent = [role for role in self.built_objective().ROLES if role not in self.train.batch]
        if absent:
            raise SpecError(
                f"train.batch.{absent[0]}",
                f"is needed by the objective '{objective['name']}'; say how many per update.",
            )
        if self.forget_part is not None and self.defends():
            raise SpecError("forget_part", "is for edits that forget; a defence is shown attacks.")
        if self.without_families and not self.defends():
            raise SpecError("without_families", "is for defences, which are shown attacks.")
        if self.train.choose == "best" and not self.defends():
            raise SpecError(
                "train.choose", f"best is for defences; '{objective['name']}' stops by stop_at."
            )
        for key in ("curriculum", "reweight"):
            if getattr(self.train, key) and "forget" not in self.built_objective().ROLES:
                raise SpecError(
                    f"train.{key}", f"is for forget items; '{objective['name']}' has none."
                )
        if self.train.stop_at is not None and self.defends():
            raise SpecError(
                "train.stop_at", "looks at dev forget items; a defence uses choose and patience."
            )

    def defends(self) -> bool:
        """Whether the objective is fed from defence data."""
        if self.objective is None:
            return False
        kind = methods.load(OBJECTIVES, self.objective["name"]).Objective
        return getattr(kind, "DATA", "") == DEFENCE

    def is_defence(self) -> bool:
        """Whether the step is made against hidden orders; an edit without training says so."""
        return self.defends() or getattr(self.built_edit(), "DATA", "") == DEFENCE

    def built_edit(self) -> Any:
        """The `Edit` of the named file, with its options."""
        return built("edit", EDITS, "Edit", self.edit)

    def built_objective(self) -> Any:
        """The `Objective` of the named file, with its options; there is one where one is named."""
        if self.objective is None:
            raise TypeError(f"'{self.edit['name']}' is computed and has no objective")
        return built("objective", OBJECTIVES, "Objective", self.objective)

    def built_teacher(self) -> Any:
        """The computed `Edit` that the objective imitates; None where it imitates none."""
        objective = self.built_objective() if self.objective is not None else None
        named = getattr(objective, "teacher", None)
        return None if named is None else built("objective.teacher", EDITS, "Edit", named)

    def edits(self) -> set[str]:
        """Names of the method files that the step reads: its edit, and its objective's teacher."""
        objective = self.built_objective() if self.objective is not None else None
        taught = getattr(objective, "teacher", None)
        return {self.edit["name"]} | ({taught["name"]} if taught else set())

    def lens(self) -> str:
        """The lens whose fit on the base the objective reads rows through; empty where none."""
        if self.objective is None:
            return ""
        kind = methods.load(OBJECTIVES, self.objective["name"]).Objective
        return str(getattr(kind, "LENS", ""))

    def changes_head(self) -> bool:
        """Whether the edit puts other values into norms or unembedding."""
        return bool(getattr(methods.load(EDITS, self.edit["name"]).Edit, "OWN_HEAD", False))

    def needs(self) -> frozenset[str]:
        """Which of ``layers``, ``sae`` and ``features`` the edit reads with these options, and with
        it the edit that its objective imitates."""
        teacher = self.built_teacher()
        return _needs(self.built_edit()) | (_needs(teacher) if teacher is not None else set())


@dataclass(frozen=True)
class ArmSpec:
    """One experimental condition: edit steps on the base, trained once per seed, or what others
    made of it."""

    steps: tuple[StepSpec, ...] = field(default_factory=lambda: (StepSpec(),))
    """The edits, first to last; each is trained on top of those before it."""
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    """Training seeds; every seed is a model of its own, and intervals need at least three."""
    after: str | None = None
    """Name of an arm whose finished edit these steps come after, seed by seed; one that has a
    single seed serves all."""
    model: str | None = None
    """Folder of a whole model that others edited, of the base's architecture; takes the steps'
    place. With ``{seed}`` in the path each seed has a folder of its own, else there is one."""
    adapter: str | None = None
    """Folder of a LoRA adapter that others trained on the base, as `peft` saves it; as `model`."""
    records: tuple[Outputs, ...] = ()
    """Files of what a model said, where the model itself is not there; as `model`."""

    def __post_init__(self) -> None:
        self._check_made_by_others()
        if not self.steps and self.trained:
            raise SpecError("steps", "is empty, which is the base itself; add at least one step.")
        if not self.seeds:
            raise SpecError("seeds", "is empty, so nothing would be trained; write e.g. [0, 1, 2].")
        if min(self.seeds) < 0:
            raise SpecError("seeds", "must not be negative; count from 0.")
        if len(set(self.seeds)) < len(self.seeds):
            raise SpecError("seeds", "holds a seed twice; each may stand once.")

    def _check_made_by_others(self) -> None:
        given = [name for name in ("after", *GIVEN) if getattr(self, name)]
        if len(given) > 1:
            raise SpecError(given[1], f"stands beside '{given[0]}'; an arm begins in one way.")
        if self.trained:
            return
        if self.steps != (StepSpec(),):
            raise SpecError(
                "steps",
                f"stand beside '{given[0]}'; leave them out, or train them in another arm with "
                "`after:` this one.",
            )
        object.__setattr__(self, "steps", ())
        if self.seeds == DEFAULT_SEEDS and not self._has_folder_per_seed():
            object.__setattr__(self, "seeds", (0,))
        if len(self.seeds) > 1 and not self._has_folder_per_seed():
            raise SpecError(
                "seeds", f"need a file or folder each; write {{seed}} in the path of `{given[0]}`."
            )

    def _has_folder_per_seed(self) -> bool:
        paths = [self.model, self.adapter, *(each.file for each in self.records)]
        return any("{seed}" in path for path in paths if path)

    def languages(self) -> set[str]:
        """The languages in which its steps name what to forget."""
        return {language for step in self.steps for language in step.forget_languages}

    @property
    def trained(self) -> bool:
        """Whether the steps are made here; else what others made is taken as it is."""
        return not self.kind

    @property
    def kind(self) -> str:
        """Which of the keys says what others made; empty where nothing does."""
        return next((name for name in GIVEN if getattr(self, name)), "")

    def folder(self, seed: int) -> str:
        """The folder of a model or adapter that others made."""
        return (self.model or self.adapter or "").replace("{seed}", str(seed))

    def given_steps(self) -> tuple[StepSpec, ...]:
        """The step that a model or adapter of others amounts to, once it is taken over."""
        if self.model:
            return (StepSpec(edit="full"),)
        return (StepSpec(edit="lora"),) if self.adapter else ()


def _needs(edit: Any) -> frozenset[str]:
    needs = frozenset(edit.NEEDS)
    # The choice of rows is for edits that name none; an SAE is found by the choice.
    row_is_named = getattr(edit, "row", None) is not None
    return needs - {"layers"} if row_is_named and "sae" not in needs else needs
