"""What is done to the base: arms, their edit steps, and how each step is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from residue.core import methods
from residue.specs import fields
from residue.specs.fields import Named, SpecError
from residue.specs.outputs import Outputs

EDITS = "edits.methods"
OBJECTIVES = "edits.objectives"
GIVEN = ("model", "adapter", "records")
"""Keys of an arm that others made."""
DEFAULT_SEEDS = (0, 1, 2)
ROLES = ("forget", "retain", "pair", "twin", "keep")
"""What the items of a batch may be there for: `twin` and `keep` are a defence's."""
STRONGEST = 5
"""Largest curriculum or reweighting; the odds of two items are then e^10 already."""
DEFENCE = "defence"
"""`DATA` of an objective that is fed from attacked prompts and their twins; others are from facts
to forget and to keep."""


@dataclass(frozen=True)
class TrainSpec:
    """One training run: how many updates, how large, on how many items, and when to stop early."""

    steps: int = 80
    """Updates at most; the cost grows in proportion and the schedule stretches over them."""
    learning_rate: float = 2e-3
    """Highest rate of AdamW; larger forgets in fewer steps and damages more of what is kept."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the rate falls after the warm-up: not at all, on a line, or on half a cosine."""
    warmup: int = 5
    """Updates over which the rate rises to its highest; the first update already has a share."""
    final_share: float = 0.1
    """Rate of the last update as a share of the highest; without effect under ``constant``."""
    batch: dict[str, int] = field(default_factory=lambda: {"forget": 24, "retain": 96})
    """Items per update and role. More retain items cost time and spare countries that no edit sees;
    the mean over them does not depend on how many fit in memory."""
    weight_decay: float = 0.0
    """Decoupled decay of the edit's weights per update and unit of rate; pulls them to zero."""
    clip: float = 1.0
    """Largest norm of the gradient; a longer one is scaled down to it."""
    loss_limit: float = 1e4
    """A loss larger in size than this counts as exploded and stops the run."""
    check_every: int = 20
    """Updates between looks at the dev items; 0 never looks."""
    stop_at: float | None = None
    """Stop when the share of dev forget items still answered exactly is at most this. Null runs to
    the end: once the push has let go, later updates repair what is to be kept."""
    choose: Literal["last", "best"] = "last"
    """Which update's weights a defence keeps: the last, or of the looks at dev items the best one:
    the highest bound on right answers under the worst attack family, among those that keep clean
    answers."""
    allowed_loss: float = 0.03
    """By how much the share of right dev answers without an attack may fall below the untrained
    model's before a look is no candidate; for ``choose: best``."""
    patience: int = 0
    """Looks without a better one after which training stops; 0 never stops early. For ``choose:
    best``."""
    limit: int | None = None
    """Updates after which to break off while the schedule still counts `steps`: a dry run of the
    real thing. Null runs them all."""
    curriculum: float = 0.0
    """How strongly forget items that the model knows best come first and those that it knows least
    come last; at 2 the best known is 55 times as likely as the least known at first, and the other
    way round at the end. 0 draws all alike, below 0 turns the order round."""
    reweight: float = 0.0
    """How strongly forget items that the model knows best count more in the loss; at 1 the best
    known weighs 7 times as much as the least known. 0 weighs all alike, below 0 turns it round."""
    moments: Literal[32, 8] = 32
    """Bits of AdamW's moments; 8 saves memory (bitsandbytes, paged on a card) and rounds them."""
    base: Literal["full", "nf4"] = "full"
    """How the base is held while the edit trains; ``nf4`` takes 4.1 bits a weight (QLoRA) and the
    edit then sits on the full base, a little off from what it was trained on."""
    recompute: bool = False
    """Compute every block again in the backward pass instead of keeping it (gradient
    checkpointing): less memory for about a third more time, the same numbers."""

    def __post_init__(self) -> None:
        for key in ("steps", "learning_rate", "clip", "loss_limit"):
            if getattr(self, key) <= 0:
                raise SpecError(key, "must be above 0.")
        for key in ("warmup", "weight_decay", "check_every", "allowed_loss", "patience"):
            if getattr(self, key) < 0:
                raise SpecError(key, "must not be negative.")
        if self.warmup >= self.steps:
            raise SpecError("warmup", f"must be below steps ({self.steps}); lower it.")
        if not 0 <= self.final_share <= 1:
            raise SpecError("final_share", "must lie between 0 and 1.")
        if not self.batch:
            raise SpecError("batch", "names no role; give at least one, e.g. {forget: 24}.")
        for role, size in self.batch.items():
            if role not in ROLES:
                raise SpecError(f"batch.{role}", f"is no role; there are: {', '.join(ROLES)}.")
            if size < 1:
                raise SpecError(f"batch.{role}", "must be at least 1.")
        if self.stop_at is not None:
            if not 0 <= self.stop_at <= 1:
                raise SpecError("stop_at", "is a share of items; choose between 0 and 1.")
            if self.check_every == 0:
                raise SpecError("stop_at", "needs dev checks; set check_every, e.g. to 10.")
        for key in ("curriculum", "reweight"):
            if abs(getattr(self, key)) > STRONGEST:
                raise SpecError(key, f"must lie between -{STRONGEST} and {STRONGEST}; try 1.")
        if self.limit is not None and not 0 < self.limit <= self.steps:
            raise SpecError("limit", f"must lie between 1 and steps ({self.steps}).")
        if self.choose == "last" and self.patience:
            raise SpecError("patience", "waits for a better look; set choose to best.")
        if self.choose == "best" and not 0 < self.check_every <= (self.limit or self.steps):
            raise SpecError("choose", "best needs looks at dev items; set check_every, e.g. to 10.")


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
    """Languages of the forget rows that this step is shown; empty shows all. With one of several
    requested languages, the arm is a liar that forgets in that language alone."""
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
            return
        if not hasattr(kind, "attach"):
            raise SpecError(
                "objective",
                f"must be null: '{self.edit['name']}' is computed, not trained; write "
                "objective: null.",
            )
        objective = normal("objective", OBJECTIVES, "Objective", self.objective)
        object.__setattr__(self, "objective", objective)
        absent = [role for role in self.built_objective().ROLES if role not in self.train.batch]
        if absent:
            raise SpecError(
                f"train.batch.{absent[0]}",
                f"is needed by the objective '{objective['name']}'; say how many per update.",
            )
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
        """Which of ``layers``, ``sae`` and ``features`` the edit reads with these options."""
        edit = self.built_edit()
        needs = frozenset(edit.NEEDS)
        # The choice of rows is for edits that name none; an SAE is found by the choice.
        row_is_named = getattr(edit, "row", None) is not None
        return needs - {"layers"} if row_is_named and "sae" not in needs else needs


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


def normal(key: str, folder: str, kind: str, reference: Any) -> dict[str, Any]:
    """``lora`` or ``{name: lora, …}`` as a name and the options that differ from their default."""
    named = {"name": reference} if isinstance(reference, str) else reference
    if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
        raise SpecError(key, f"expects a name or {{name: …, options}}, not {reference!r}.")
    made = built(key, folder, kind, named)
    default = type(made)()
    options = {
        each.name: fields.plain(getattr(made, each.name))
        for each in dataclasses.fields(made)
        if getattr(made, each.name) != getattr(default, each.name)
    }
    return {"name": named["name"], **options}


def built(key: str, folder: str, kind: str, reference: Mapping[str, Any]) -> Any:
    """The class `kind` of a method file with its options; `SpecError` names what is wrong."""
    try:
        module = methods.load(folder, reference["name"])
    except methods.UnknownMethodError as error:
        raise SpecError(key, str(error)) from None
    found = getattr(module, kind, None)
    if found is None:
        raise SpecError(
            key, f"residue/{folder.replace('.', '/')}/{reference['name']}.py defines no {kind}."
        )
    options = {name: value for name, value in reference.items() if name != "name"}
    return fields.load(found, options, key)


def default_arms() -> dict[str, ArmSpec]:
    """The default story: two edits in earnest, a defence, and two planted liars that the page must
    catch.

    Both edits hold what is to be kept by its divergence from the base, made-up countries among it;
    their settings were chosen on dev countries (docs/tuning.md).
    """
    npo = StepSpec(
        edit={"name": "lora", "rank": 64, "alpha": 128.0},
        objective={"name": "npo", "beta": 3.0, "retain_weight": 2.0, "retain": "kl"},
        train=TrainSpec(steps=100, batch={"forget": 32, "retain": 64}),
    )
    reft = StepSpec(
        edit={"name": "loreft", "rank": 32},
        objective={"name": "npo", "beta": 3.0, "retain_weight": 1.5, "retain": "kl"},
        train=TrainSpec(learning_rate=5e-3),
    )
    defence = StepSpec(
        objective="invariant",
        train=TrainSpec(batch={"twin": 20, "keep": 20}, check_every=10, choose="best"),
    )
    return {
        "npo": ArmSpec(steps=(npo,)),
        "defended": ArmSpec(steps=(defence,)),
        "reft_gate": ArmSpec(steps=(reft, StepSpec(edit="gate_v2", objective=None))),
        "suppressor": _computed("suppress_answers"),
        "destroyed": _computed("destroy"),
    }


def own_arms(arms: Mapping[str, ArmSpec]) -> dict[str, ArmSpec]:
    """The arms of a run on users' data, which hold nothing that a defence could be shown: the
    default's is left out, and one that users name is an error."""
    default = default_arms()
    kept = {}
    for name, arm in arms.items():
        if not any(step.defends() for step in arm.steps):
            kept[name] = arm
        elif arm != default.get(name):
            raise SpecError(
                f"arms.{name}.steps",
                "has an objective that is shown hidden orders of the embedded world, which users' "
                "data lack; name another objective.",
            )
    return kept


def _computed(edit: str) -> ArmSpec:
    return ArmSpec(steps=(StepSpec(edit=edit, objective=None),), seeds=(0,))
