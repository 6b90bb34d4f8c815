"""The corpus on which lenses and SAEs are fitted: texts as in pretraining, apart from all decks.

Each country's texts are either fitted on or held out, never both, so that a held-out number speaks
of countries that the fit did not see. Texts that repeat another are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.streams import StreamsSpec
from residue.world.build import World
from residue.world.documents import sample_documents
from residue.world.splits import split_of

COLUMNS = ("text", "document", "answer", "split", "set", "language", "country")
"""`document` is the whole text; it ends with a space and `answer`, unless that is empty."""

SPLITS = ("fit", "held_out")


def build_corpus(world: World, spec: StreamsSpec) -> pd.DataFrame:
    """Texts of the embedded world, from the grammar of the base's pretraining with a seed apart.

    Every country that the base read about occurs; both splits hold countries of each group.
    """
    rng = np.random.default_rng(derive("world.corpus", world.spec.seed))
    groups: dict[tuple[str, str], list[str]] = {}
    for country in sorted(world.curriculum):
        groups.setdefault(world.group_of[country], []).append(country)
    apart = {
        country
        for members in groups.values()
        for country in _some(members, spec.held_out_share, rng)
    }
    held_out = round(spec.documents * spec.held_out_share)
    rows: list[dict[str, str]] = []
    for split, n in (("fit", spec.documents - held_out), ("held_out", held_out)):
        countries = tuple(c for c in world.curriculum if (c in apart) == (split == "held_out"))
        # The sampler draws from the countries of the curriculum; here all have been introduced.
        side = replace(world, curriculum=countries)
        for document in sample_documents(side, "base", 1.0, n, rng) if countries else ():
            rows.append(
                {
                    "document": f"{document.prompt} {document.answer}",
                    "answer": document.answer,
                    "split": split,
                    "set": _set_of(split_of(world, document.country, document.language)),
                    "language": document.language,
                    "country": document.country,
                }
            )
    return _as_corpus(rows)


def own_corpus(deck: pd.DataFrame, edit_data: pd.DataFrame, spec: StreamsSpec) -> pd.DataFrame:
    """Users' texts, asked or shown, each with its first accepted answer, in random order.

    Clusters (column `country`) are dealt whole to the splits.
    """
    rng = np.random.default_rng(derive("world.own_corpus"))
    clusters = sorted({*deck["country"], *edit_data["country"]})
    apart = set(_some(clusters, spec.held_out_share, rng))
    rows = list(_own_rows(deck, edit_data, apart))
    order = rng.permutation(len(rows))[: spec.documents]
    return _as_corpus([rows[i] for i in order])


def _own_rows(
    deck: pd.DataFrame, edit_data: pd.DataFrame, apart: set[str]
) -> Iterator[dict[str, str]]:
    asked = deck.assign(
        set=deck["split"].map(_set_of), answer=[str(answers[0]) for answers in deck["answers"]]
    )
    shown = edit_data.assign(set=edit_data["set"].map(_set_of))
    columns = ["prompt", "answer", "set", "language", "country"]
    for row in pd.concat([asked[columns], shown[columns]]).itertuples(index=False):
        yield {
            "document": f"{row.prompt} {row.answer}",
            "answer": str(row.answer),
            "split": "held_out" if row.country in apart else "fit",
            "set": str(row.set),
            "language": str(row.language),
            "country": str(row.country),
        }


def _some(members: Sequence[str], share: float, rng: np.random.Generator) -> list[str]:
    """A share of the members by chance; of two or more neither all nor none."""
    n = round(share * len(members))
    if len(members) > 1:
        n = min(max(n, 1), len(members) - 1)
    return [members[i] for i in rng.permutation(len(members))[:n]]


def _set_of(split: str) -> str:
    """forget or retain; `other` for dev and what else there is, on which nothing is claimed."""
    first = split.partition("_")[0]
    return first if first in ("forget", "retain") else "other"


def _as_corpus(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    corpus = pd.DataFrame(rows, columns=list(COLUMNS[1:])).drop_duplicates("document")
    # The splits one after the other, as streams are written.
    corpus = corpus.sort_values("split", kind="stable").reset_index(drop=True)
    number = corpus.groupby("split").cumcount()
    names = [f"{split}/{n:05d}" for split, n in zip(corpus["split"], number, strict=True)]
    for split in SPLITS:
        if not (corpus["split"] == split).any():
            raise ValueError(
                f"the corpus has no {split} text: it needs two countries (or clusters) at least; "
                "raise streams.documents or give more data"
            )
    return corpus.assign(text=names)[list(COLUMNS)]
