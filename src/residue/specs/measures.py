"""Config section `measures`: the numbers made of each deck, and what the base must know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from residue.specs.fields import Named, SpecError

METRICS = "measure.metrics"
"""Folder of the metric files that the config names."""

OF_LANGUAGE = ("language_probability",)
"""Metrics that read the language identifier."""

OF_GRADIENTS = ("membership_gradnorm",)
"""Metrics that read gradients, which a job of their own records."""


@dataclass(frozen=True)
class KnownSpec:
    """When the base counts as knowing a fact; asked on templates other than the one scored."""

    share: float = 1.0
    """Smallest share of a fact's items in other templates that the base must answer exactly. Lower
    it and more facts count as known, including facts the base only half holds."""

    least: int = 1
    """Fewest items in other templates needed to decide; a fact with fewer counts as unknown. 0 also
    counts facts that are asked in one wording only, unfiltered."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SpecError("share", "must lie above 0 and at most at 1.")
        if self.least < 0:
            raise SpecError(
                "least", "must not be negative; 0 counts what nothing decides as known."
            )


@dataclass(frozen=True)
class LanguageIdSpec:
    """How the language of what was said is told."""

    voters: tuple[Literal["script", "letters", "py3langid"], ...] = ("script", "letters")
    """Who votes: the script of the letters; a letter model of English and romanised Hindi, made
    from the fact table; py3langid, which needs an installation of its own (`residue[langid]`),
    costs about a CPU-second per job and tells languages of one script apart."""

    abstain_below: float = 0.7
    """Smallest probability with which a voter names a language, and all of them together; raised,
    more texts stay undecided and fewer are wrong."""

    largest_error: float = 0.1
    """Share of texts of one language, script and length, none of them trained on, whose language is
    not found, above which metrics of language have no value there."""

    def __post_init__(self) -> None:
        if not self.voters or len(set(self.voters)) < len(self.voters):
            raise SpecError("voters", f"names each voter once, and at least one; got {self.voters}")
        if not 0.0 < self.abstain_below <= 1.0:
            raise SpecError("abstain_below", f"lies above 0 and up to 1; got {self.abstain_below}")
        if not 0.0 <= self.largest_error < 1.0:
            raise SpecError("largest_error", f"lies from 0 to below 1; got {self.largest_error}.")


OF_QUOTES = ("fidelity",)
"""Metrics of quoted orders, which users' own orders have none of."""


@dataclass(frozen=True)
class MeasuresSpec:
    """The measurements of a run: metrics per deck and the base-knows rule."""

    metrics: dict[str, tuple[Annotated[str, Named(METRICS)], ...]] = field(
        default_factory=lambda: {
            "facts": (
                "exact_answer",
                "answer_probability",
                "extraction_strength",
                "exact_memorisation",
                "perplexity",
                "first_rank_row",
                "membership_min_k",
                "language_by_script",
                "language_probability",
                "refusal",
                "degeneration",
            ),
            "lens": ("lens_recall", "lens_log_odds", "lens_rank"),
            "orders": (
                "instruction_accuracy",
                "orders_obeyed",
                "right_under_attack",
                "fidelity",
                "order_refused",
                "reply_changed",
                "order_sensitivity",
                "answer_tokens",
                "twin_separation",
                "order_stability",
                "twin_retrieval",
            ),
        }
    )
    """Metric files (`measure/metrics/<name>.py`) to compute on each deck; adding one re-runs the
    measurements of its deck and what reads them."""

    known: KnownSpec = field(default_factory=KnownSpec)
    """The base-knows rule: forgetting is counted only where there was something to forget."""

    language_id: LanguageIdSpec = field(default_factory=LanguageIdSpec)
    """How the language of what was said is told; read by metrics of language alone."""

    def __post_init__(self) -> None:
        for deck, names in self.metrics.items():
            if len(set(names)) < len(names):
                raise SpecError(f"metrics.{deck}", "names a metric twice; keep one of them.")
        if not self.metrics.get("lens"):
            raise SpecError("metrics.lens", "is empty; name lens_recall at least.")
        if "exact_answer" not in self.metrics.get("facts", ()):
            raise SpecError(
                "metrics.facts", "lacks exact_answer, which decides what the base knows; add it."
            )
