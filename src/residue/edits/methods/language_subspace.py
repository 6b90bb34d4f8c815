"""A language's own subspace less what languages share: the identity goes, the content stays.

With x_cL the mean row of content c (a country's relation) in language L less the mean of L:

    C = leading eigenvectors of the mean over pairs L ≠ L' of ½ (E x_cL x_cL'ᵀ + E x_cL' x_cLᵀ)
    D = leading left singular vectors of δ_c = row of c in the language − its mean in the others
    U = an orthonormal basis of (I − C Cᵀ) D,   h ← h − U Uᵀ (h − m)

with m the mean row of the other languages. δ_c compares the same content, so that only language
differs; covariance across languages holds what varies with content in two of them at once, and no
noise of either. Whatever lies along C is kept exactly: the part of a language's directions that
content shares is no identity. It is linear, and sees one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.scrubs import Scrub
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

SETS = ("forget", "retain")
TOLERANCE = 1e-6
"""Length of what is left of a unit direction below which it counts as shared, in float64."""
LEAST = 3
"""Contents that two languages must have in common, so that a covariance means something."""


@dataclass(frozen=True)
class Edit:
    """A linear scrub of one language's identity in one row."""

    language: str = "hi"
    """Language whose identity is taken away; the edit data must hold it and another one."""
    row: int | None = None
    """Residual row that is scrubbed; null takes the best of the chosen rows."""
    rank: int = 1
    """Directions of the language; 1 is nearly the difference of means, more take what differs from
    content to content."""
    shared: float = 0.9
    """Share of the content that languages have in common which is kept exactly; 0 keeps none of it,
    and the scrub is that of the directions alone."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise SpecError("rank", "must be at least 1.")
        if not 0 <= self.shared < 1:
            raise SpecError("shared", "must be at least 0 and below 1.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Scrub:
        """The scrub of the row at the ends of prompts, from what edit data ask in each language."""
        import pandas as pd
        import torch

        row = data.row(self.row)
        parts = [data.frame[data.frame["set"] == name] for name in SETS]
        x = torch.cat([data.rows(name, row) for name in SETS])
        frame = pd.concat(parts)
        contents = list(zip(frame["country"], frame["relation"], strict=True))
        found = subspace(
            x, contents, list(frame["language"]), self.language, self.rank, self.shared
        )
        return Scrub(model, place=place, row=row, tensors=found)

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Scrub:
        """The saved scrub."""
        return Scrub.open(model, folder, place=place)


def subspace(
    x: Tensor,
    contents: Sequence[tuple[str, str]],
    languages: Sequence[str],
    language: str,
    rank: int,
    shared: float,
) -> dict[str, Tensor]:
    """U, V = Uᵀ and m of the scrub. x: (n, width) rows with their contents and languages.

    Worked out in float64, given in float32. `ValueError` where the language or another is absent,
    has too little content in common with the others, or nothing of its own.
    """
    import torch

    means = _means(x, contents, languages)
    others = sorted(set(means) - {language})
    if language not in means or not others:
        raise ValueError(
            f"the edit data hold no rows in '{language}' beside another language; there are: "
            f"{', '.join(sorted(means))}. Mend the option language"
        )
    apart = [
        row - torch.stack([means[other][content] for other in others if content in means[other]])
        .mean(dim=0)
        for content, row in means[language].items()
        if any(content in means[other] for other in others)
    ]  # fmt: skip
    if len(apart) < max(LEAST, rank):
        raise ValueError(
            f"{len(apart)} contents are asked in '{language}' and in another language; "
            f"{max(LEAST, rank)} are needed, lower rank or add parallel rows"
        )
    _, _, directions = torch.linalg.svd(torch.stack(apart), full_matrices=False)
    d, c = directions[:rank].T, shared_content(means, shared)
    left, sizes, _ = torch.linalg.svd(d - c @ (c.T @ d), full_matrices=False)
    u = left[:, sizes > TOLERANCE]
    if not u.shape[1]:
        raise ValueError(f"'{language}' has no direction of its own here; lower the option shared")
    u = u - c @ (c.T @ u)
    m = torch.stack([row for other in others for row in means[other].values()]).mean(dim=0)
    return {"U": u.float(), "V": u.T.float(), "m": m.float()}


def shared_content(means: dict[str, dict[tuple[str, str], Tensor]], share: float) -> Tensor:
    """C, (width, k) orthonormal: fewest leading directions that hold `share` of the covariance that
    pairs of languages have in common; k is 0 for a share of 0."""
    import torch

    width = len(next(iter(next(iter(means.values())).values())))
    total, pairs = torch.zeros(width, width, dtype=torch.float64), 0
    for one, other in combinations(sorted(means), 2):
        both = [content for content in means[one] if content in means[other]]
        if len(both) < LEAST:
            continue
        a, b = (torch.stack([means[each][content] for content in both]) for each in (one, other))
        cross = (a - a.mean(dim=0)).T @ (b - b.mean(dim=0)) / len(both)
        total, pairs = total + (cross + cross.T) / 2, pairs + 1
    if not pairs:
        raise ValueError(f"no two languages ask {LEAST} contents in common; add parallel rows")
    values, vectors = torch.linalg.eigh(total / pairs)
    values, vectors = values.flip(0).clamp_min(0.0), vectors.flip(1)
    held = values.cumsum(0) / values.sum().clamp_min(1e-300)
    needed = int((held < share).sum()) + 1 if share > 0 else 0
    kept = min(needed, int((values > TOLERANCE * values[0]).sum()))
    shared: Tensor = vectors[:, :kept]
    return shared


def _means(
    x: Tensor, contents: Sequence[tuple[str, str]], languages: Sequence[str]
) -> dict[str, dict[tuple[str, str], Tensor]]:
    """The mean row of each content in each language, (width,) float64."""
    import torch

    places: dict[str, dict[tuple[str, str], list[int]]] = {}
    for place, (content, language) in enumerate(zip(contents, languages, strict=True)):
        places.setdefault(language, {}).setdefault(content, []).append(place)
    wide = x.double()
    return {
        language: {content: torch.mean(wide[at], dim=0) for content, at in of.items()}
        for language, of in places.items()
    }
