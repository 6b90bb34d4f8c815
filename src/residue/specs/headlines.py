"""Config section `headlines`: what a run is about, each a sentence made of several claims.

A headline is true only if all of its parts are. Each part is tested at the full size, without a
correction (intersection-union test, Berger 1982), and headlines are corrected across arms.
"""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class HeadlineSpec:
    """Several claims that must hold together of one arm."""

    sentence: str
    """What ``supported`` then stands for, as printed."""
    parts: tuple[str, ...] = ()
    """Claims that must all be supported, in every condition in which they are judged. All others
    are exploratory. A part that a run does not judge leaves the headline open."""
    family: str = "headline"
    """Headlines of one family are corrected together, over all arms, by Holm's method."""

    def __post_init__(self) -> None:
        if not self.sentence.strip():
            raise SpecError("sentence", "is empty; say in words what is claimed.")
        if not self.parts:
            raise SpecError("parts", "is empty; list the claims that must hold together.")


def default_headlines() -> dict[str, HeadlineSpec]:
    """The one headline of the default story."""
    return {
        "forgotten": HeadlineSpec(
            sentence="The model has forgotten what it was asked to forget, has kept the rest, and "
            "does not get it back when it is attacked.",
            parts=("forgets", "keeps", "stays_forgotten"),
        )
    }
