"""From the prompt's words to the answer's meaning: when a lens stops echoing.

With U the distinct prompt tokens that are neither blank nor punctuation:
- surface_to_meaning: p_l[answer] ≥ Σ_U p_l + δ;
- geometric_crossover: cos(h_l, w_answer) ≥ max over U of cos(h_l, w) + γ;
- topk_decay: mass of the prompt among the K most likely tokens ≤ τ.
Each with its reading at that row. After logos-in-layers (2025).
"""

from __future__ import annotations

from typing import NamedTuple

from residue.lens.summaries.milestones import at_most
from residue.lens.summaries.scan import START, Found, at_row, first_row, found
from residue.lens.summaries.trajectories import Floats, Trajectories

COLUMNS = ("answer_mass", "echo_mass", "cos_to_answer", "cos_to_prompt_max", "topk_prompt_mass")
"""Columns of a lens table that these are made of."""


class Crossover(NamedTuple):
    """A milestone with what was read there; NaN where it was not found."""

    found: Found
    answer: Floats
    """(keys,) the answer's side at that row."""
    prompt: Floats
    """(keys,) the prompt's side at that row."""


def surface_to_meaning(t: Trajectories, margin: float = 0.05, start: int = START) -> Crossover:
    """First row at which the answer outweighs the echo of the prompt by `margin` (probability)."""
    return _crossover(t, "answer_mass", "echo_mass", margin, start)


def geometric_crossover(t: Trajectories, margin: float = 0.02, start: int = START) -> Crossover:
    """First row whose state points to the answer more than to any prompt token, by `margin`."""
    return _crossover(t, "cos_to_answer", "cos_to_prompt_max", margin, start)


def topk_decay(t: Trajectories, mass: float = 0.33, start: int = START) -> Crossover:
    """First row at which the prompt's tokens hold at most `mass` among the K most likely."""
    when = at_most(t, "topk_prompt_mass", mass, start)
    reading = at_row(t.rows, t["topk_prompt_mass"], when.row)
    return Crossover(when, at_row(t.rows, t["answer_mass"], when.row), reading)


def _crossover(t: Trajectories, answer: str, prompt: str, margin: float, start: int) -> Crossover:
    ours, theirs = t[answer], t[prompt]
    row = first_row(t.rows, ours >= theirs + margin, start)
    return Crossover(
        found(t.rows, row, ours, theirs, start=start),
        at_row(t.rows, ours, row),
        at_row(t.rows, theirs, row),
    )
