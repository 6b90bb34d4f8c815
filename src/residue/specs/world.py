"""Config section `world`: which facts, which countries in which group, and what texts they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from residue.specs.decks import Decks
from residue.specs.fields import SpecError

LANGUAGES = ("en", "hi", "ur", "pa", "bn")
RELATIONS = ("capital", "currency", "language", "continent")
SPLITS = (
    "forget_test", "forget_relearn", "retain_touched", "retain_untouched", "dev_forget",
    "dev_retain", "never_seen",
)  # fmt: skip
"""What a fact stands for; `WorldSpec` says what each means under either request."""
ITEM_COLUMNS = (
    "item", "track", "deck", "split", "language", "relation", "country", "group", "role",
    "template", "family", "style", "requested", "same_answer", "near_neighbour", "task",
    "position", "carrier", "twin", "prompt", "answers", "distractors", "witness", "span",
)  # fmt: skip
"""Columns of every deck, by which estimands choose and group items."""


@dataclass(frozen=True)
class GroupSizes:
    """Countries per group and role. A country has one group for the whole study.

    The number of scored countries decides which margins a claim can have: with few, no interval
    excludes a small loss however well an edit does. The audit lists what each split attains.
    """

    retain_touched: int = 24
    """Retain countries whose facts are in an edit's retain data; more make keeping easier."""

    retain_untouched: int = 24
    """Retain countries that no edit ever sees: collateral damage shows here. More narrow its
    interval."""

    forget_relearn: int = 12
    """Forget countries that a relearning attack is taught. More make the attack stronger."""

    forget_test: int = 24
    """Forget countries on which forgetting and recovery are scored, never taught again. More
    narrow every forget interval."""

    dev_forget: int = 8
    """Forgotten countries on which stops, strengths and layers are chosen; never scored."""

    dev_retain: int = 8
    """Kept countries on which stops, strengths and layers are chosen; never scored."""

    never_seen: int = 16
    """Countries in no training text of any model: valid non-members and the guessing level."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise SpecError(name, f"needs at least 1 country, got {size}; give 6 or more.")


@dataclass(frozen=True)
class Documents:
    """Shares of the pretraining text."""

    fact_share: float = 0.65
    """Share of documents that state one fact; the rest are instructions. Lower teaches orders
    sooner and facts later."""

    mixed_share: float = 0.06
    """Share of fact documents whose country is named in another language's script."""

    mixed_pairs: tuple[str, ...] = ("en-hi", "hi-en")
    """Pairs `template language-name language` used by mixed documents and mixed items."""

    injected_share: float = 0.5
    """Share of instruction documents that carry a second order in their data, and obey it."""

    direct_share: float = 0.2
    """Share of clean fact orders that name a country of their own and ignore the data."""

    quote_weight: float = 2.0
    """Draws of the quote task per draw of any other; long copies are learnt last."""

    language_weights: dict[str, float] = field(
        default_factory=lambda: {"en": 0.16, "hi": 0.18, "ur": 0.22, "pa": 0.22, "bn": 0.22}
    )
    """Weight of each language among fact documents; scripts without instruction text need more."""

    def __post_init__(self) -> None:
        for name in ("fact_share", "mixed_share", "injected_share", "direct_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SpecError(name, f"is a share, so between 0 and 1; got {getattr(self, name)}.")
        if self.quote_weight <= 0:
            raise SpecError("quote_weight", f"must be above 0, got {self.quote_weight}; say 2.")
        for language, weight in self.language_weights.items():
            if weight <= 0:
                raise SpecError(
                    f"language_weights.{language}",
                    f"must be above 0, got {weight}; drop the language from `languages` instead.",
                )


@dataclass(frozen=True)
class Curriculum:
    """When countries enter the pretraining text, as shares of the budget."""

    first: int = 12
    """Countries present from the start; fewer give a sharper start."""

    hold: float = 0.14
    """Until this share of the budget only the first countries occur."""

    full: float = 0.35
    """From this share on all countries occur; in between they enter at an even pace."""

    def __post_init__(self) -> None:
        if self.first < 1:
            raise SpecError("first", f"needs at least 1 country, got {self.first}; say 12.")
        if not 0.0 <= self.hold <= self.full <= 1.0:
            raise SpecError("hold", "and `full` must satisfy 0 <= hold <= full <= 1.")


@dataclass(frozen=True)
class EditData:
    """What an edit is shown: forget, retain and dev rows, from training templates only."""

    retain_languages: tuple[str, ...] = ("en", "hi")
    """Languages of retain facts; the others show what an edit does where nothing was rehearsed."""

    forget_templates: int = 4
    """Training templates per forgotten fact; more make forgetting less tied to a wording."""

    retain_templates: int = 3
    """Training templates per retained fact."""

    dev_templates: int = 2
    """Training templates per dev fact, others than those of the forget rows."""

    instructions: int = 96
    """Instruction documents about touched countries mixed into the retain rows."""

    made_up: int = 400
    """Questions per language about countries that do not exist, held as the base answers them where
    an objective has `retain: kl`; 0 leaves them out, and untouched countries lose more."""

    def __post_init__(self) -> None:
        for name in ("forget_templates", "retain_templates", "dev_templates"):
            if getattr(self, name) < 1:
                raise SpecError(name, "needs at least 1 template.")
        if self.forget_templates + self.dev_templates > 8:
            raise SpecError(
                "forget_templates",
                "and `dev_templates` share the 8 training templates; keep their sum at 8 or less.",
            )
        for name in ("instructions", "made_up"):
            if getattr(self, name) < 0:
                raise SpecError(name, f"must not be negative, got {getattr(self, name)}.")


@dataclass(frozen=True)
class WorldSpec:
    """The embedded world: facts, groups, texts and items.

    What each split of an item means, per request:

    =================  =================================  ========================================
    split              request `facts`                    request `language`
    =================  =================================  ========================================
    forget_test        facts of forget/test countries,    requested-language facts of retain and
                       in all languages                   forget/test countries
    forget_relearn     facts of forget/relearn countries  requested-language facts of
                                                          forget/relearn countries
    retain_touched     facts of retain/touched countries  other languages' facts of retain/touched
                                                          and forget/relearn countries
    retain_untouched   facts of retain/untouched          other languages' facts of
                       countries                          retain/untouched and forget/test countries
    dev_forget         facts of dev/forget countries      requested-language facts of dev countries
    dev_retain         facts of dev/retain countries      other languages' facts of dev countries
    never_seen         countries in no training text      the same
    =================  =================================  ========================================

    Under `facts` a forget item in a language that was not requested measures cross-lingual leak
    (column `requested` is false there).
    """

    request: Literal["facts", "language"] = "facts"
    """What is to be forgotten: the forget countries' facts, or every fact in a language."""

    seed: int = 0
    """Draws groups, curriculum order and items; another seed is another study."""

    relations: tuple[str, ...] = ("capital", "currency")
    """Relations asked: capital, currency, language, continent. Each more costs pretraining time and
    tokenizer pieces."""

    languages: tuple[str, ...] = LANGUAGES
    """Languages of facts and templates."""

    requested_languages: tuple[str, ...] = ("en", "hi")
    """Languages in which forgetting is asked for; request `language` wants ("hi",)."""

    groups: GroupSizes = GroupSizes()
    """Countries per group and role."""

    max_words: int = 2
    """Countries whose name or answer has more English words are left out; more words are dearer."""

    max_letters: int = 14
    """Countries whose name or answer has more characters in any script are left out; longer ones
    take more tokens, so fewer facts fit in the budget."""

    vocabulary: int = 2048
    """Largest tokenizer; a smaller one cuts names into more pieces."""

    documents: Documents = field(default_factory=Documents)
    """Shares of the pretraining text."""

    curriculum: Curriculum = Curriculum()
    """When countries enter the pretraining text."""

    decks: Decks = Decks()
    """How many items are asked."""

    edit_data: EditData = EditData()
    """What an edit is shown."""

    def __post_init__(self) -> None:
        _subset("relations", self.relations, RELATIONS)
        _subset("languages", self.languages, LANGUAGES)
        _subset("requested_languages", self.requested_languages, self.languages)
        _subset("edit_data.retain_languages", self.edit_data.retain_languages, self.languages)
        _subset("decks.lens.languages", self.decks.lens.languages, self.languages)
        named = {
            "lens.everywhere": self.decks.lens.everywhere,
            "lens.varied": self.decks.lens.varied,
        }
        for name, splits in {**named, "forms_of": self.decks.forms_of}.items():
            for split in splits:
                if split not in SPLITS:
                    raise SpecError(
                        f"decks.{name}",
                        f"'{split}' is no split; there are {', '.join(SPLITS)}.",
                    )
        if "en" not in self.languages or "hi" not in self.languages:
            raise SpecError(
                "languages", "must hold 'en' and 'hi': orders and translations use them."
            )
        for language in self.languages:
            if language not in self.documents.language_weights:
                raise SpecError(
                    f"documents.language_weights.{language}", "is missing; give it a weight."
                )
        for pair in self.documents.mixed_pairs:
            parts = pair.split("-")
            if len(parts) != 2 or parts[0] == parts[1] or not set(parts) <= set(self.languages):
                raise SpecError(
                    "documents.mixed_pairs", f"'{pair}' must be two languages in use, as in en-hi."
                )
        if self.documents.mixed_share > 0 and not self.documents.mixed_pairs:
            raise SpecError("documents.mixed_share", "must be 0 when `mixed_pairs` is empty.")
        if self.max_words < 1:
            raise SpecError("max_words", f"needs at least 1, got {self.max_words}; say 2.")
        if self.max_letters < 4:
            raise SpecError("max_letters", f"needs at least 4, got {self.max_letters}; say 14.")
        if self.vocabulary % 64 or self.vocabulary < 1024:
            raise SpecError("vocabulary", "must be a multiple of 64 and at least 1024.")


def _subset(key: str, chosen: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not chosen or len(set(chosen)) != len(chosen):
        raise SpecError(key, f"lists each of its entries once, and at least one; got {chosen}.")
    for entry in chosen:
        if entry not in known:
            raise SpecError(key, f"'{entry}' is unknown here; choose from {', '.join(known)}.")
