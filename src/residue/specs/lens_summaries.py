"""Config section `lens_summaries`: where milestones, controls and audits of lenses are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class CopySpec:
    """When a row counts as merely repeating the prompt."""

    strict: tuple[float, ...] = (0.7, 0.8, 0.9, 0.95)
    """Probabilities of the top token to sweep; the last one is the copy row that others are
    compared with, and the spread from the first to the last says how firm it is."""

    margin: float = 0.10
    """Least lead of the top token over the second, for a strict copy; raising it finds fewer."""

    soft: float = 0.5
    """Probability of the top token for a soft copy, which asks for no lead."""

    windows: tuple[int, ...] = (1, 2, 3)
    """Numbers of successive readings that must stand next to each other in the prompt; each adds
    one milestone."""

    def __post_init__(self) -> None:
        for name, values in (("strict", self.strict), ("soft", (self.soft,))):
            if not values or any(not 0 <= value < 1 for value in values):
                raise SpecError(name, "needs probabilities from 0 to below 1; try 0.95.")
        if list(self.strict) != sorted(set(self.strict)):
            raise SpecError("strict", "must ascend, each value once.")
        if any(k < 1 for k in self.windows) or len(set(self.windows)) < len(self.windows):
            raise SpecError("windows", "needs whole numbers from 1 on, each once.")


@dataclass(frozen=True)
class LensSummariesSpec:
    """Thresholds of every summary of the lens tables; the tables themselves know none of them."""

    start_row: int = 1
    """First row at which a milestone may lie. 0 lets embeddings count, where a model with tied
    embeddings repeats its input whatever it knows."""

    main: str = "next_norm"
    """The lens whose milestones are confirmed, audited and guided by; the others are beside it."""

    classical: str = "final_norm"
    """The lens of the other norm, with which the choice of norm is checked."""

    confirm: tuple[str, ...] = ("raw", "tuned")
    """Lenses that may confirm the main one; one that was not read confirms nothing."""

    confirm_rows: int = 2
    """How far from the main lens's first row with the answer another lens may agree with it."""

    ranks: tuple[int, ...] = (1, 5, 10)
    """Ranks of the answer whose first rows are milestones."""

    kl: tuple[float, ...] = (0.5, 1.0)
    """Bits of divergence from the model's own law whose first rows are milestones."""

    cosines: tuple[float, ...] = (0.2, 0.4, 0.6)
    """Cosines with the final logits, both centred, whose first rows are milestones."""

    gaps: tuple[float, ...] = (0.5, 1.0)
    """Leads of the answer over every other token, in logits, whose first rows are milestones."""

    entropy: float = 1.0
    """Bits at or below which a row's law has collapsed."""

    uniform_margin: float = 0.002
    """How far above the uniform law the answer must lie to be more than first among equals."""

    strong_gap: float = 0.5
    """Lead in logits that a strong reading needs."""

    echo_margin: float = 0.05
    """Probability by which the answer must outweigh the prompt's own words."""

    crossover_margin: float = 0.02
    """Cosine by which a row must point to the answer more than to any word of the prompt."""

    prompt_mass: float = 0.33
    """Probability of the prompt's words among the most likely tokens below which echo has gone."""

    control_margin: float = 0.05
    """Probability by which the answer must stay above its foil to the last row."""

    moved: tuple[str, ...] = ("shift_1", "shift_3", "shift_7", "filler")
    """Variants of the lens deck that ask the same further on in the text."""

    share: float = 0.5
    """Least share of items that makes a caution a reason of the guidance."""

    copy: CopySpec = field(default_factory=CopySpec)
    """Copy flags."""

    def __post_init__(self) -> None:
        if self.start_row < 0:
            raise SpecError("start_row", "must not be negative; 1 leaves the embeddings out.")
        if self.confirm_rows < 0:
            raise SpecError("confirm_rows", "must not be negative; 0 asks for the same row.")
        if self.main in self.confirm:
            raise SpecError(
                "confirm", f"holds the main lens '{self.main}', which cannot confirm it."
            )
        if not 0 < self.share <= 1:
            raise SpecError("share", "must lie above 0 and at most at 1.")
        if any(rank < 1 for rank in self.ranks):
            raise SpecError("ranks", "needs ranks from 1 on.")
