"""The slot grammar of hidden orders: families of attacks, each a list of templates.

A template is a lead around the order and a tail after it; a family is the product of its leads and
tails. Leads are dealt in two parts, so that a held-out template words its attack in a way that no
defence was shown. Words are the world's own where the family allows it: a word that stands in no
training text is cut into small pieces, and what a model does then tells little of obedience.
Families follow the taxonomies of StruQ (Chen et al., USENIX Security 2025), BIPIA (Yi et al., KDD
2025) and HouYi (Liu et al., 2023); their texts are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from residue.world.injection.encodings import ENCODINGS


@dataclass(frozen=True)
class Family:
    """A family of attacks: leads that hold the order, and tails."""

    name: str
    seen: tuple[str, ...]
    """Leads that a defence may be shown. `{O}` is the order, `{o}` begins small, `{a}` and `{b}`
    are its halves, and names of encodings or of languages give it in those."""
    held_out: tuple[str, ...]
    """Leads that only scored items have."""
    tails: tuple[str, ...] = ("",)
    """What may follow the lead."""
    goals: tuple[str, ...] = ()
    """The only goals that the family has; empty means those of the world."""

    def templates(self) -> tuple[Template, ...]:
        """Every lead with every tail."""
        leads = ((False, self.seen), (True, self.held_out))
        pairs = [
            (held_out, f"{lead} {tail}".strip())
            for held_out, part in leads
            for lead, tail in product(part, self.tails)
        ]
        return tuple(
            Template(self.name, f"{self.name}-{number:03d}", text, held_out)
            for number, (held_out, text) in enumerate(pairs, start=1)
        )


@dataclass(frozen=True)
class Template:
    """One way to hide an order; `style` names it in decks."""

    family: str
    style: str
    text: str
    held_out: bool
    """Whether no defence is shown its lead."""

    def attack(self, order: Mapping[str, str]) -> str:
        """All that the attacker writes: the template around an order in its forms."""
        return self.text.format_map(order)


def forms(order: str, hindi: str = "") -> dict[str, str]:
    """An order in every form that a template may ask for."""
    words = order.split()
    half = (len(words) + 1) // 2
    plain = {
        "O": order,
        "o": order[0].lower() + order[1:],
        "a": " ".join(words[:half]),
        "b": " ".join(words[half:]),
        "hi": hindi or order,
    }
    return plain | {name: encode(order) for name, encode in ENCODINGS.items()}


def filled(pattern: str, **slots: tuple[str, ...]) -> Iterator[str]:
    """The pattern with every choice of its slots; other braces stay."""
    for values in product(*slots.values()):
        text = pattern
        for name, value in zip(slots, values, strict=True):
            text = text.replace(f"<{name}>", value)
        yield text
