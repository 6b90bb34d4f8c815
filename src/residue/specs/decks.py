"""Config section `world.decks`: how many items are asked of every model, and in which forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError

Variant = Literal[
    "no_filler", "filler", "shift_1", "shift_3", "shift_7", "paraphrase", "mixed_language"
]

Form = Literal["diluted", "twice", "listed", "romanised", "few_shot"]


@dataclass(frozen=True)
class LensDeck:
    """Which facts are read by the lenses at every row, and in which wordings."""

    languages: tuple[str, ...] = ("en", "hi")
    """Languages in which every fact is asked once; more cost as many items again."""

    everywhere: tuple[str, ...] = ("forget_test", "forget_relearn", "never_seen")
    """Splits asked in all languages of the world: leaks show there, and the level of ignorance."""

    variants: tuple[Variant, ...] = (
        "no_filler", "filler", "shift_1", "shift_3", "shift_7", "paraphrase", "mixed_language",
    )  # fmt: skip
    """Other forms of the same question: one word less or more before the answer, 1, 3 or 7 words
    put in front, other wordings (one seen in training, one held out), the country's name in
    another script. None asks the original form alone."""

    varied: tuple[str, ...] = ("forget_test", "retain_touched")
    """Splits whose facts are asked in the other forms as well."""

    varied_countries: int = 6
    """Countries per split that are asked in the other forms; each adds up to 8 items per fact."""

    def __post_init__(self) -> None:
        if not self.languages:
            raise SpecError("languages", "needs at least one language; say [en].")
        for name in ("languages", "variants", "everywhere", "varied"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise SpecError(name, "lists an entry twice; keep one of them.")
        if self.varied_countries < 1:
            raise SpecError(
                "varied_countries",
                f"needs at least 1, got {self.varied_countries}; for no other forms empty "
                "`variants`.",
            )


@dataclass(frozen=True)
class Decks:
    """How many items are asked of every model."""

    seen_requested: int = 2
    """Training templates per fact in requested languages; two let the base-knows filter decide on
    one and score on the other."""

    seen_other: int = 1
    """Training templates per fact in the other languages."""

    held_out: int = 1
    """Held-out templates per fact, 1 or 2."""

    attacks: int = 6
    """Attacked twins per clean order of retain countries, which have two such orders; half as many
    on the one order of any other country. More let more families be told apart, and every model
    is asked more."""

    distractors: int = 8
    """Wrong answers listed beside each item at most."""

    forms: tuple[Form, ...] = ("diluted", "twice", "listed", "romanised", "few_shot")
    """Other forms of one question per country: behind 16 benign words, said twice, as a point of a
    list, in Latin letters (Hindi alone), behind two kept facts with their answers. Each adds an
    item per country; the last two are answered by few small bases."""

    forms_of: tuple[str, ...] = ("forget_test", "retain_untouched")
    """Splits whose countries are asked in the other forms."""

    lens: LensDeck = LensDeck()
    """The items that the lenses read."""

    def __post_init__(self) -> None:
        bounds = {
            "seen_requested": (1, 8),
            "seen_other": (1, 8),
            "held_out": (1, 2),
            "attacks": (1, 11),
            "distractors": (1, 64),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise SpecError(name, f"lies between {low} and {high}; got {getattr(self, name)}.")
        for name in ("forms", "forms_of"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise SpecError(name, "lists an entry twice; keep one of them.")
