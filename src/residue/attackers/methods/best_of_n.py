"""Best of N: random variants of template, wording, place and letters; one success is enough.

Hughes et al. 2024, arXiv 2412.03556: word scrambling and capitals with probability √σ, letters
moved by one code point with σ³. Here half of the variants keep their letters, the others have σ
drawn up to `noise`, and the words that shall be said stay whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.core.seeds import derive
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    import numpy as np

    from residue.attackers.channel import Channel, Row, Try
    from residue.attackers.targets import Target, Targets

_LEAST = 4
"""Letters of the shortest word with an inside to scramble."""


@dataclass(frozen=True)
class Attacker:
    """Random variants of an attack, N per item."""

    tries: int = 32
    """N. Success is reported for every power of two up to it; each costs one query per country."""
    noise: float = 0.4
    """Strongest letter noise σ, from 0 to 1; the paper's is 0.4. More breaks more words."""

    DRAWN: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise SpecError("tries", "must be at least 1.")
        if not 0 <= self.noise <= 1:
            raise SpecError("noise", f"lies between 0 and 1; got {self.noise}.")

    def attack(self, channel: Channel, targets: Targets, seed: int) -> Iterable[Row]:
        """Ask every variant of every target."""
        import numpy as np

        tries = []
        for target in targets.test:
            rng = np.random.default_rng(derive(seed, target.country))
            tries += [self._variant(target, rng) for _ in range(self.tries)]
        return channel.ask(tries)

    def _variant(self, target: Target, rng: np.random.Generator) -> Try:
        from residue.attackers.channel import Try
        from residue.attackers.targets import WORDINGS, free_templates

        templates = free_templates()
        template = templates[int(rng.integers(len(templates)))]
        position = target.positions[int(rng.integers(len(target.positions)))]
        made = target.templated(template, int(rng.integers(WORDINGS)), position)
        strength = self.noise * float(rng.random()) if rng.random() < 0.5 else 0.0
        text = noised(made.text, strength, target.witness.split(), rng)
        how = f"{template.style} at the {position}, noise {strength:.2f}"
        return Try(target, target.written(text, position), how)


def noised(text: str, strength: float, spared: Iterable[str], rng: np.random.Generator) -> str:
    """The text with letters moved about, word by word; words in `spared` stay, in any case."""
    if strength == 0:
        return text
    kept = {word.casefold() for word in spared}
    words = text.split(" ")
    return " ".join(
        word
        if word.strip(".,:;!?()").casefold() in kept
        else _capitals(_moved(_scrambled(word, strength, rng), strength, rng), strength, rng)
        for word in words
    )


def _scrambled(word: str, strength: float, rng: np.random.Generator) -> str:
    """The first and last letter stay."""
    if len(word) < _LEAST or rng.random() >= strength**0.5:
        return word
    inside = [word[1:-1][i] for i in rng.permutation(len(word) - 2)]
    return f"{word[0]}{''.join(inside)}{word[-1]}"


def _moved(word: str, strength: float, rng: np.random.Generator) -> str:
    """Printable ASCII, one up or down."""
    return "".join(
        chr(min(126, max(33, ord(letter) + (1 if rng.random() < 0.5 else -1))))
        if "!" <= letter <= "~" and rng.random() < strength**3
        else letter
        for letter in word
    )


def _capitals(word: str, strength: float, rng: np.random.Generator) -> str:
    return "".join(letter.swapcase() if rng.random() < strength**0.5 else letter for letter in word)
