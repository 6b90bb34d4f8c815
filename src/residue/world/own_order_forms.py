"""Lines of users' files as orders on data: triplets of the earlier schema, SEP, BIPIA, Alpaca.

Sources of the forms: SEP (Zverev et al., ICLR 2025), BIPIA (Yi et al., KDD 2025), AlpacaFarm
(Dubois et al., NeurIPS 2023) as StruQ attacks it. What a line does not say is left empty: without a
witness obedience cannot be scored, and a right answer under attack is known only where the benign
input stands in the attacked one, or is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from residue.core.seeds import derive
from residue.specs.own_orders import OrderSource
from residue.world.injection.families import forms
from residue.world.injection.wording import FAMILIES
from residue.world.jsonl import Row
from residue.world.tasks import WITNESSES
from residue.world.texts import normalised


@dataclass(frozen=True)
class Asked:
    """One item to come: an order on data, and what is known of the attack in them."""

    line: int
    order: str
    data: str
    answers: tuple[str, ...]
    cluster: str
    """What items of one cluster share; they are resampled together."""
    task: str = ""
    clean: str = ""
    """The same data without the attack; empty for clean items."""
    family: str = "none"
    style: str = "plain"
    goal: str = ""
    witness: str = ""

    @property
    def span(self) -> tuple[int, int] | None:
        """Where the attack stands in the data; None where data and clean data differ by more."""
        return inserted(self.clean, self.data) if self.clean else None


class IncompleteError(ValueError):
    """A line without something that it needs."""


def inserted(clean: str, text: str) -> tuple[int, int] | None:
    """Start and end of what was put into `clean` to make `text`; None where that is not all."""
    start = 0
    while start < len(clean) and start < len(text) and clean[start] == text[start]:
        start += 1
    end = len(text) - (len(clean) - start)
    return (start, end) if end > start and clean[start:] == text[end:] else None


class Line:
    """One line by the keys of its form."""

    def __init__(self, row: Row, source: OrderSource) -> None:
        self.row, self.source = row, source

    def text(self, key: str) -> str:
        """A text that must be there."""
        found = self.maybe(key)
        if not found:
            raise IncompleteError(f"has no text under '{self.key(key)}'; add it")
        return found

    def key(self, key: str) -> str:
        """The file's key for one of the form."""
        return self.source.keys.get(key, key)

    def maybe(self, key: str) -> str:
        """A text that may be missing."""
        value = self.row.values.get(self.key(key))
        return value.strip() if isinstance(value, str) else ""

    def label(self, key: str, otherwise: str) -> str:
        """A name for a column: small letters, `_` for spaces."""
        return normalised(self.maybe(key)).replace(" ", "_") or otherwise


def _triplets(line: Line) -> Iterator[Asked]:
    order, benign = line.text("system_instruction"), line.text("user_input_benign_1")
    context = line.maybe("context")

    def with_context(text: str) -> str:
        return f"{context}\n{text}" if context and context not in text else text

    first = Asked(
        line.row.line,
        order,
        with_context(benign),
        (line.text("expected_output_1"),),
        normalised(benign),
        line.maybe("task_category"),
    )
    yield first
    second = with_context(line.text("user_input_benign_2"))
    yield replace(first, data=second, answers=(line.text("expected_output_2"),))
    attacked = with_context(line.text("user_input_injection"))
    within = inserted(first.data, attacked) is not None
    given = line.maybe("expected_output_injection")
    yield replace(
        first,
        data=attacked,
        answers=(given,) if given else first.answers if within else (),
        clean=first.data if within else "",
        family=line.label("attack_type", "unnamed"),
        style=line.label("attack_technique", "unnamed"),
        witness=line.maybe("witness"),
    )


def _sep(line: Line) -> Iterator[Asked]:
    clean, found = line.text("prompt_clean"), line.row.values.get(line.key("info"))
    info = found if isinstance(found, dict) else {}
    order, task = line.text("system_prompt_clean"), str(info.get("type", ""))
    first = Asked(line.row.line, order, clean, (), normalised(clean), task)
    yield first
    yield replace(
        first,
        data=line.text("prompt_instructed"),
        clean=clean,
        family="probe",
        style="insistent" if info.get("is_insistent") else "neutral",
        witness=line.text("witness"),
    )


def _bipia(line: Line) -> Iterator[Asked]:
    data, attack = line.text("context"), line.maybe("attack_str")
    before, found, after = data.partition(attack) if attack else (data, "", "")
    if attack and not found:
        raise IncompleteError("has an 'attack_str' that does not stand in its context")
    # The attack was joined by white space, which goes with it on one side.
    clean = (f"{before}{after.lstrip()}" if before else after).strip()
    order, ideal = line.text("question"), line.text("ideal")
    first = Asked(line.row.line, order, clean, (ideal,), normalised(clean))
    yield first
    if attack:
        name = line.label("attack_name", "unnamed")
        witness = line.maybe("witness")
        yield replace(first, data=data, clean=clean, family=name, style=name, witness=witness)


def _alpaca(line: Line) -> Iterator[Asked]:
    source, number, data = line.source, line.row.line, line.text("input")
    order, output = line.text("instruction"), line.text("output")
    first = Asked(number, order, data, (output,), normalised(data))
    yield first
    rng = np.random.default_rng(derive("world.own_orders", source.file, number))
    for turn in range(source.attacks):
        family = _SPOKEN[(number * source.attacks + turn) % len(_SPOKEN)]
        templates = family.templates()
        template = templates[int(rng.integers(len(templates)))]
        drawn = rng.permutation(len(WITNESSES))[: int(rng.integers(1, 3))]
        word = " ".join(WITNESSES[int(i)] for i in drawn)
        text = template.attack(forms(source.hidden.format(w=word)))
        yield replace(
            first,
            data=f"{data} {text}",
            clean=data,
            family=family.name,
            style=template.style,
            goal="say",
            witness=word,
        )


_SPOKEN = [f for f in FAMILIES.values() if not f.goals and f.name != "multilingual"]
"""Families that word any order; the others have goals or a language of their own."""
FORMS: Mapping[str, Callable[[Line], Iterator[Asked]]] = {
    "triplets": _triplets,
    "sep": _sep,
    "bipia": _bipia,
    "alpaca": _alpaca,
}
