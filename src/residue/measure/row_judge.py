"""A local model judges a base's replies, with one row of the base dampened after another.

Of each reply it is asked, in words that never change, whether it gives the right answer; read is
its law over the two labels. Nothing that it or the base writes is parsed or obeyed. First come
replies that nobody said, of every item the right answer and a wrong one: they tell what the judge
is worth. Time is limited, and what is not reached is a line that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.measure.answers import equals_any

if TYPE_CHECKING:
    import pandas as pd

ORDER = "Does the reply give the right answer? Say yes or no."
LABELS = ("yes", "no")
DATA = "Question: {question}\nRight answer: {answer}\nReply: {reply}"
LONGEST = 300
"""Characters of a question or reply that the judge is shown."""
AT_ONCE = 16
"""Replies after which the clock is looked at."""

PLANTED, UNTOUCHED = -2, -1
"""Stand in the column `row`: replies that nobody said; replies with no row dampened."""
RIGHT, WRONG = "/right", "/wrong"
"""Behind the item's name where its reply is planted."""
FORGET, KEEP = "dev_forget", "dev_retain"
COLUMNS = ("row", "item", "country", "split", "reply", "right", "yes", "status", "reason")

Ask = Callable[[Sequence[str]], NDArray[np.float64]]
"""Texts of `DATA` → p(yes), NaN where the model could not be asked."""


@dataclass(frozen=True)
class Budget:
    """Seconds that may pass, by a clock."""

    seconds: float
    clock: Callable[[], float] = time.monotonic


def chosen_items(deck: pd.DataFrame, each: int) -> pd.DataFrame:
    """At most `each` plain dev items to forget and as many to keep, one of every country before a
    second of any."""
    import pandas as pd

    plain = deck[deck["style"] == "plain"]
    kept = []
    for split in (FORGET, KEEP):
        part = plain[plain["split"] == split]
        if split == FORGET:
            part = part[part["requested"]]
        part = part.assign(order=[derive("row_judge", item) for item in part["item"]])
        part = part.sort_values("order", kind="stable")
        turn = part.groupby("country").cumcount()
        kept.append(part.assign(turn=turn).sort_values(["turn", "order"]).head(each))
    return pd.concat(kept, ignore_index=True).drop(columns=["order", "turn"])


def judged_replies(
    items: pd.DataFrame,
    rows: Sequence[int],
    answered: Callable[[int], pd.DataFrame],
    ask: Ask,
    budget: Budget,
) -> pd.DataFrame:
    """One line per row (first `PLANTED`, with two, then `UNTOUCHED`, then `rows` in their order)
    and item.

    items: as `chosen_items` gives them; answered: row → generations of the items. Columns: reply;
    right, whether it equals an accepted answer (1 or 0); yes, the judge's p(yes); status `ok` or
    `unscorable` with the reason.
    """
    import pandas as pd

    end = budget.clock() + budget.seconds
    late = f"not reached in {budget.seconds:g} s"
    lines: list[dict[str, Any]] = []
    every: list[dict[str, Any]] = [
        {str(name): value for name, value in item.items()} for item in items.to_dict("records")
    ]
    planted = list(_planted(every))
    for row in (PLANTED, UNTOUCHED, *rows):
        told, said = every, None
        if row == PLANTED:
            told = [item for item, _ in planted]
            said = {item["item"]: (reply, "") for item, reply in planted}
        elif budget.clock() < end:  # no row is answered in vain
            said = _said(answered(row))
        for begin in range(0, len(told), AT_ONCE):
            part = told[begin : begin + AT_ONCE]
            if said is None or budget.clock() >= end:
                lines += [_line(row, item, said, np.nan, late) for item in part]
                continue
            asked = [item for item in part if not said[item["item"]][1]]
            law = ask([question(item, said[item["item"]][0]) for item in asked]) if asked else ()
            found = dict(zip((item["item"] for item in asked), law, strict=True))
            lines += [_line(row, item, said, found.get(item["item"], np.nan)) for item in part]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    kinds = {"row": "int32", "right": "float64", "yes": "float64"}
    return table.astype({name: kinds.get(name, "str") for name in COLUMNS})


def question(item: Mapping[str, Any], reply: str) -> str:
    """What the judge reads of an item and a reply, each on one line."""
    parts = {"question": item["prompt"], "answer": str(item["answers"][0]), "reply": reply}
    return DATA.format(**{name: " ".join(text.split())[:LONGEST] for name, text in parts.items()})


def local_judge(model: Any, tokenizer: Any) -> Ask:
    """A live model as judge."""
    from residue.records.choices import label_laws, question_ids

    def ask(texts: Sequence[str]) -> NDArray[np.float64]:
        prompts = [question_ids(tokenizer, ORDER, text) for text in texts]
        yes: NDArray[np.float64] = label_laws(model, tokenizer, prompts, LABELS)[:, 0]
        return yes

    return ask


def _planted(items: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every item twice, with its right answer and a wrong one; once where no other is known."""
    for item in items:
        yield {**item, "item": item["item"] + RIGHT}, item["answers"][0]
        of_others = (other["answers"][0] for other in items)
        wrong = [
            text
            for text in (*item["distractors"], *of_others)
            if not equals_any(text, item["answers"])
        ]
        if wrong:
            yield {**item, "item": item["item"] + WRONG}, wrong[0]


def _said(generations: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Item → reply, and why there is none."""
    columns = zip(*(generations[name] for name in ("item", "text", "stop", "reason")), strict=True)
    return {
        item: (text, reason if stop in ("failed", "too_long") else "")
        for item, text, stop, reason in columns
    }


def _line(
    row: int,
    item: Mapping[str, Any],
    said: Mapping[str, tuple[str, str]] | None,
    yes: float,
    late: str = "",
) -> dict[str, Any]:
    reply, missing = said[item["item"]] if said is not None else ("", late)
    why = missing or late
    if not why and not np.isfinite(yes):
        why = "the judge has no finite law here, or the text is longer than it reads"
    heard = said is not None and not missing
    right = float(equals_any(reply, item["answers"])) if heard else np.nan
    names = {name: item[name] for name in ("item", "country", "split")}
    told = {"row": row, **names, "reply": reply, "right": right}
    return {**told, "yes": yes, "status": "unscorable" if why else "ok", "reason": why}
