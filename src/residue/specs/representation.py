"""Config section `representation`: at which rows of the model edits and SAEs work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class JudgeSpec:
    """A judge of rows, whose scores are mixed into their ranking; none by default."""

    file: str | None = None
    """JSON Lines with `row`, `score` (0 poor to 1 good) and `reason`, one line for every row to
    choose from; whoever wrote it is the judge. Null reads none."""

    weight: float = 0.5
    """Share of the judge's score in the ranking, beside the share of votes; 1 lets the judge alone
    decide, 0 only writes down what was said."""

    model: str | None = None
    """Folder of a causal language model that writes such a file: of replies to dev prompts, with
    each row dampened, it is asked whether they are right. Loaded offline, without code of its own.
    Null asks none."""

    seconds: float = 120.0
    """Time that replies and the model may take. What is not reached in it stays unjudged and says
    so, and then votes alone rank."""

    prompts: int = 24
    """Dev prompts to forget, and as many to keep, whose replies are judged at every row; spread
    over countries. More cost time in proportion."""

    kept: float = 0.2
    """Share of a row that is left where it is dampened, at every position. Near 1 no reply changes
    and all rows score ½; near 0 every reply breaks and they do so again."""

    least_kappa: float = 0.2
    """The model ranks only where its agreement with the accepted answers, beyond chance, is at
    least this, by the lower end of the interval. Lower it where right answers are long and seldom
    said to the letter; -1 always lets it rank."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise SpecError("weight", "is a share; choose between 0 and 1.")
        if self.file is not None and self.model is not None:
            raise SpecError("model", "stands beside 'file'; name one of them.")
        if self.seconds <= 0:
            raise SpecError("seconds", f"must be above 0, got {self.seconds}.")
        if self.prompts < 1:
            raise SpecError("prompts", f"must be at least 1, got {self.prompts}.")
        if not 0 <= self.kept < 1:
            raise SpecError("kept", "is what is left of a row; choose from 0 to below 1.")
        if not -1 <= self.least_kappa <= 1:
            raise SpecError("least_kappa", "lies between -1 and 1; 0 is chance.")

    @property
    def asked(self) -> str:
        """The key that names a judge; empty where none is asked."""
        return next((key for key in ("file", "model") if getattr(self, key) is not None), "")


@dataclass(frozen=True)
class RepresentationSpec:
    """How rows are chosen, from the base's recorded rows of the dev countries alone."""

    mode: Literal["auto", "fixed"] = "auto"
    """``auto``: the best-scored rows; ``fixed``: those of `rows`, whatever their score."""

    rows: tuple[int, ...] = ()
    """Rows to choose from (`auto`) or to take (`fixed`); 0 the embeddings, l after block l - 1. An
    empty list means all between the embeddings and the input of the final norm."""

    select: int = 1
    """Rows chosen. Each is trained an SAE and is a place for an edit, so each costs time."""

    score: Literal["similarity", "contrast", "semantic"] = "similarity"
    """What makes a row good. ``similarity``: facts look alike in all languages there, so that what
    is done in one reaches the others; ``contrast``: the reverse; ``semantic``: a probe tells the
    requested language from `reference_language` better than it tells neighbour languages."""

    reference_language: str = "en"
    """Language against which probes and ``semantic`` compare the others."""

    permutations: int = 99
    """Pairings dealt by chance behind each similarity's null mean and p; p is at least
    1 / (1 + permutations). More cost time in proportion."""

    resamples: int = 50
    """Random halves of the dev countries on which the choice is repeated. More make the shares of
    votes, by which rows are ranked, steadier."""

    judge: JudgeSpec = field(default_factory=JudgeSpec)
    """Scores that somebody else gave the rows."""

    def __post_init__(self) -> None:
        if self.select < 1:
            raise SpecError("select", f"must be at least 1, got {self.select}.")
        if any(row < 0 for row in self.rows) or len(set(self.rows)) < len(self.rows):
            raise SpecError("rows", f"lists each row once, counted from 0; got {self.rows}.")
        if self.mode == "fixed" and len(self.rows) != self.select:
            raise SpecError(
                "rows", f"must list the {self.select} rows of `select` when mode is fixed."
            )
        if self.mode == "auto" and self.rows and len(self.rows) < self.select:
            raise SpecError("rows", f"offers fewer rows than `select`, {self.select}; list more.")
        if self.mode == "fixed" and self.judge.asked:
            raise SpecError(
                f"judge.{self.judge.asked}",
                "has nothing to rank where mode is fixed; leave it out.",
            )
        if self.permutations < 19:
            raise SpecError("permutations", f"needs at least 19, got {self.permutations}.")
        if self.resamples < 10:
            raise SpecError("resamples", f"needs at least 10, got {self.resamples}.")

    def candidates(self, numbers: Sequence[int]) -> list[int]:
        """Of a model's rows those that may be chosen. ValueError for rows that it does not have, or
        too few."""
        strange = sorted(set(self.rows) - set(numbers))
        if strange:
            raise ValueError(
                f"representation.rows: the model has no row {strange[0]}; it has 0 to "
                f"{max(numbers)}"
            )
        offered = list(self.rows) or [row for row in numbers if 0 < row < max(numbers)]
        if len(offered) < self.select:
            raise ValueError(
                f"representation.select: {self.select} rows of {len(offered)} cannot be chosen; "
                "lower it or list more in representation.rows"
            )
        return offered
