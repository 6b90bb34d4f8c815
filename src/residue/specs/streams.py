"""Config section `streams`: the texts on which lenses and SAEs are fitted, and how much of them."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError


def _positive(fit: int, held_out: int) -> None:
    for name, value in (("fit", fit), ("held_out", held_out)):
        if value < 1:
            raise SpecError(name, f"must be at least 1, got {value}.")


@dataclass(frozen=True)
class LensStream:
    """Tokens whose rows, all of them, are kept of base and oracle, for the fits of lenses."""

    fit: int = 24000
    """Most tokens that lenses are fitted on; more make maps of full width less noisy."""

    held_out: int = 8000
    """Most tokens, of other countries, on which fits are judged; more narrow their intervals."""

    def __post_init__(self) -> None:
        _positive(self.fit, self.held_out)


@dataclass(frozen=True)
class SaeStream:
    """Tokens whose chosen rows are kept of the base, for the training of SAEs."""

    fit: int = 200000
    """Most tokens that SAEs are trained on; features of rare texts need many."""

    held_out: int = 20000
    """Most tokens, of other countries, on which SAEs are judged."""

    rows: tuple[int, ...] = ()
    """Rows that are kept; none named stands for those that the choice of layers names."""

    def __post_init__(self) -> None:
        _positive(self.fit, self.held_out)
        if any(row < 0 for row in self.rows) or len(set(self.rows)) < len(self.rows):
            raise SpecError("rows", "names each row once, from 0 on, e.g. [3].")


@dataclass(frozen=True)
class StreamsSpec:
    """A corpus apart from decks and edit data, and the token streams recorded on it."""

    documents: int = 20000
    """Texts drawn from the grammar of pretraining; repeats are then left out. Of users' data, the
    most texts used. Streams stop at the end of the corpus where it is shorter than they ask."""

    held_out_share: float = 0.2
    """Share of the countries of each group whose texts are held out of every fit."""

    lens: LensStream = LensStream()
    """What lenses are fitted on."""

    sae: SaeStream = SaeStream()
    """What SAEs are trained on."""

    def __post_init__(self) -> None:
        if self.documents < 2:
            raise SpecError("documents", f"must be at least 2, got {self.documents}.")
        if not 0.0 < self.held_out_share < 1.0:
            raise SpecError("held_out_share", "lies between 0 and 1; say 0.2.")
