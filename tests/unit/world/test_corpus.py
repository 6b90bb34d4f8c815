"""The corpus of the fits keeps countries apart, repeats nothing and touches no deck."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from residue.specs.streams import StreamsSpec
from residue.world.build import World
from residue.world.corpus import COLUMNS, build_corpus, own_corpus
from residue.world.splits import split_of

SPEC = StreamsSpec(documents=3000)


@pytest.fixture(scope="module")
def corpus(world: World) -> pd.DataFrame:
    return build_corpus(world, SPEC)


def test_a_country_is_fitted_on_or_held_out_also_as_a_mere_name(
    world: World, corpus: pd.DataFrame
) -> None:
    sides = {split: set(part["country"]) for split, part in corpus.groupby("split")}
    assert sides["fit"].isdisjoint(sides["held_out"])
    assert sides["fit"] | sides["held_out"] == set(world.curriculum)
    text = " ".join(corpus.loc[corpus["split"] == "fit", "document"])
    named = {c for c in sides["held_out"] if f" {world.name(c, 'en')}." in text}
    # A capital may bear a country's name, so the sentence form is looked for.
    assert named == set()


def test_every_group_is_in_both_splits_and_never_seen_in_none(
    world: World, corpus: pd.DataFrame
) -> None:
    groups = {
        split: {world.group_of[country] for country in part["country"]}
        for split, part in corpus.groupby("split")
    }
    assert groups["fit"] == groups["held_out"]
    assert ("never_seen", "none") not in groups["fit"]


def test_sets_are_those_of_the_request(world: World, corpus: pd.DataFrame) -> None:
    for row in corpus.itertuples():
        split = split_of(world, row.country, row.language)
        wanted = "other" if split.startswith("dev") else split.split("_")[0]
        assert row.set == wanted


def test_texts_are_distinct_and_no_held_out_wording_is_among_them(
    corpus: pd.DataFrame, asked: pd.DataFrame
) -> None:
    assert list(corpus.columns) == list(COLUMNS)
    assert corpus["document"].is_unique
    assert corpus["text"].is_unique
    held = asked[asked["family"] == "held_out"]
    texts = {f"{p} {a[0]}" for p, a in zip(held["prompt"], held["answers"], strict=True)}
    assert texts.isdisjoint(corpus["document"])
    ends = zip(corpus["document"], corpus["answer"], strict=True)
    assert all(document.endswith(f" {answer}") for document, answer in ends)


def test_the_corpus_is_a_function_of_world_and_spec(world: World, corpus: pd.DataFrame) -> None:
    assert build_corpus(world, SPEC).equals(corpus)


def own_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    row = {"language": "und", "answers": ["an answer"]}
    deck = pd.DataFrame(
        [{**row, "split": f"{name}_test", "country": f"c{n}", "prompt": f"question {n}"}
         for n in range(10) for name in (("forget", "retain")[n % 2],)]
    )  # fmt: skip
    shown = pd.DataFrame(
        [{"set": "forget", "prompt": f"question {n}", "answer": "an answer", "country": f"c{n}",
          "language": "und"} for n in (0, 2, 20)]
    )  # fmt: skip
    return deck, shown


def test_users_texts_are_dealt_by_cluster_and_used_once() -> None:
    deck, shown = own_tables()
    corpus = own_corpus(deck, shown, StreamsSpec(documents=50, held_out_share=0.3))
    assert len(corpus) == 11
    assert (corpus.groupby("country")["split"].nunique() == 1).all()
    assert corpus.loc[corpus["split"] == "held_out", "country"].nunique() == 3
    assert set(corpus.loc[corpus["set"] == "retain", "country"]) == {
        f"c{n}" for n in range(1, 10, 2)
    }


@pytest.mark.parametrize("documents", [4, 50])
def test_at_most_as_many_users_texts_as_asked_for(documents: int) -> None:
    corpus = own_corpus(*own_tables(), StreamsSpec(documents=documents, held_out_share=0.5))
    assert len(corpus) <= documents


def test_one_cluster_alone_cannot_be_split() -> None:
    deck, shown = (table[table["country"] == "c0"] for table in own_tables())
    with pytest.raises(ValueError, match="needs two countries"):
        own_corpus(deck, shown, SPEC)


def test_a_share_outside_its_range_is_refused() -> None:
    from residue.specs.fields import SpecError

    bad: dict[str, Any] = {"held_out_share": 1.0}
    with pytest.raises(SpecError, match="held_out_share: lies between 0 and 1"):
        StreamsSpec(**bad)
