"""Lines of measurements: one number per item, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("item", "row", "value", "weight", "status", "reason")
"""What a metric returns. row: the lens row, null for metrics of outputs; weight: the item's weight
in means; status: `ok`, `unscorable` (the item cannot be asked this) or `failed` (it should have
been answered and was not); reason: a sentence unless ok."""


@dataclass(frozen=True)
class Line:
    """One item's number; value and weight are read only where status is ok."""

    item: str
    value: float = np.nan
    weight: float = np.nan
    status: str = "ok"
    reason: str = ""


def as_table(lines: Sequence[Line]) -> pd.DataFrame:
    """Lines of an output metric as a table; a number that is not finite becomes a failure."""
    import pandas as pd

    sound = [_sound(line) for line in lines]
    columns = {
        "item": pd.Series([line.item for line in sound], dtype="str"),
        "row": pd.Series([pd.NA] * len(sound), dtype="Int32"),
        "value": np.array([line.value for line in sound], np.float64),
        "weight": np.array([line.weight for line in sound], np.float64),
        "status": pd.Series([line.status for line in sound], dtype="str"),
        "reason": pd.Series([line.reason for line in sound], dtype="str"),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def asked(
    generations: pd.DataFrame, items: pd.DataFrame, score: Callable[[str, str], Line]
) -> pd.DataFrame:
    """One line per item: `score(item, text)` where the model was asked, else what prevented it."""
    said = {
        item: (text, stop, reason)
        for item, text, stop, reason in zip(
            generations["item"],
            generations["text"],
            generations["stop"],
            generations["reason"],
            strict=True,
        )
    }
    return as_table([_line(item, said.get(item), score) for item in items["item"]])


ANSWER_COLUMNS = ("logp", "rank", "entropy", "logp_deviation", "kl_to_base", "kl_from_base")

NO_BASE = "no base in the same load to compare with"
"""Why base and oracle have no divergence from the base."""


@dataclass(frozen=True)
class Answer:
    """A forced answer, token by token, the end token last; arrays (tokens,).

    logp and rank of the token; of the law that predicts it, entropy and the deviation of log p;
    divergences to and from the base's law, NaN where no base was in the same load. In nats.
    """

    logp: np.ndarray
    rank: np.ndarray
    entropy: np.ndarray
    deviation: np.ndarray
    kl_to_base: np.ndarray
    kl_from_base: np.ndarray

    @property
    def rank_of_text(self) -> np.ndarray:
        """Ranks without the end token's."""
        return self.rank[:-1]


def over_answers(
    generations: pd.DataFrame,
    tokens: pd.DataFrame,
    items: pd.DataFrame,
    value: Callable[[Answer], float | str],
    weight: Callable[[Answer], float] = lambda _: 1.0,
) -> pd.DataFrame:
    """One line per item: `value` of its forced answer, or why there is none, which it says."""
    answers = forced_answers(tokens)

    def score(item: str, _: str) -> Line:
        answer = answers.get(item)
        if answer is None:
            return Line(item, status="unscorable", reason="no accepted answer")
        if len(answer.rank_of_text) == 0:
            return Line(item, status="unscorable", reason="the accepted answer has no tokens")
        number = value(answer)
        if isinstance(number, str):
            return Line(item, status="unscorable", reason=number)
        return Line(item, number, weight(answer))

    return asked(generations, items, score)


def token_mean(values: np.ndarray, absent: str) -> float | str:
    """Mean of one value per answer token; `absent` where one is NaN."""
    return absent if np.isnan(values).any() else float(values.mean())


def n_tokens(answer: Answer) -> float:
    """Weight of an answer in a mean over tokens."""
    return float(len(answer.logp))


def forced_answers(tokens: pd.DataFrame, part: str = "answer") -> dict[str, Answer]:
    """The answers of one part of the tokens record, by item."""
    return dict(_answers(tokens[tokens["part"] == part]))


def _answers(forced: pd.DataFrame) -> Iterator[tuple[str, Answer]]:
    if not len(forced):
        return
    names = forced["item"].to_numpy(dtype=object)
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    if len(set(names[starts])) < len(starts):
        raise ValueError("the tokens record mixes the lines of its items; read it in file order.")
    columns = [_column(forced, name) for name in ANSWER_COLUMNS]
    ends = np.r_[starts[1:], len(names)]
    for start, end in zip(starts, ends, strict=True):
        yield names[start], Answer(*(column[start:end] for column in columns))


def _column(forced: pd.DataFrame, name: str) -> np.ndarray:
    """A column as numbers; one that these records do not have holds nothing."""
    if name not in forced:
        return np.full(len(forced), np.nan)
    return np.asarray(forced[name].to_numpy(np.float64, na_value=np.nan))


def _line(item: str, said: tuple[str, str, str] | None, score: Callable[[str, str], Line]) -> Line:
    if said is None:
        return Line(item, status="failed", reason="the item was not recorded")
    text, stop, reason = said
    if stop == "failed":
        return Line(item, status="failed", reason=reason)
    if stop in ("too_long", "absent"):
        return Line(item, status="unscorable", reason=reason)
    return score(item, text)


def _sound(line: Line) -> Line:
    if line.status != "ok" or np.isfinite(line.value):
        return line
    return Line(line.item, status="failed", reason="the value is not finite")
