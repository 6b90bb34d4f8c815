"""Config section `records`: how long a model may speak, which tokens and rows are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError

PLACE = re.compile(r"last|mean|answer-(0|[1-9]\d*)")


@dataclass(frozen=True)
class RecordsSpec:
    """The recorder's share of the config; batch sizes are speed and are given apart from it."""

    max_new_tokens: int = 16
    """Most tokens a model may generate for an item; items whose accepted answers (or witness) are
    longer get their length and the end token, so that this limit never decides what is right."""

    places: tuple[str, ...] = ("last",)
    """Positions whose residual rows are kept: `last` prompt token (it predicts the answer's first
    token), `mean` over the prompt without its start token, `answer-k` at the answer's token k,
    counted from 0. Each place adds one vector per row and item to the rows file."""

    prompt_tokens: Literal["none", "scores", "laws"] = "none"
    """What is kept of prompt tokens: nothing, log-probability and rank, or also entropy, deviation
    and divergence from the base, which answer tokens always have. `laws` doubles the work."""

    distractors: int = 0
    """Wrong answers per item that are teacher-forced beside the accepted one, the first of the
    deck's; `truth_ratio` and `model_utility` need one or more. Each lengthens a record by about a
    third."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise SpecError("max_new_tokens", "must be at least 1; try 16.")
        if self.distractors < 0:
            raise SpecError("distractors", f"must not be negative, got {self.distractors}.")
        for place in self.places:
            if not PLACE.fullmatch(place):
                raise SpecError(
                    "places", f"'{place}' is not a place; use last, mean or answer-0, answer-1, …"
                )
        if len(set(self.places)) < len(self.places):
            raise SpecError("places", "names a place twice; keep one of them.")
