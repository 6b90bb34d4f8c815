"""Checks decks and edit data before any model sees them: a leak, a gap or a cut stops the run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from residue.specs.world import SPLITS
from residue.stats.attainability import attainable_margin
from residue.world.templates import HELD_OUT_TEMPLATES, NOUNS
from residue.world.texts import normalised

AUDIT_COLUMNS = (
    "deck",
    "split",
    "n_items",
    "n_clusters",
    "n_near_duplicates",
    "tokens_mean",
    "tokens_max",
    "level",
    "attainable",
)
"""`n_clusters` counts countries; `n_near_duplicates` items whose normalised prompt and answer stand
earlier in the same split; `tokens_*` are prompt and longest accepted answer with both end tokens;
`attainable` is the margin of a rate above which this many countries support equivalence if none of
them differs."""

_SHOWN = 5
_UNTOUCHED = ("retain_untouched", "never_seen")
_SIDES = {
    "forgotten": ("forget_test", "forget_relearn", "dev_forget", "never_seen"),
    "kept": ("retain_touched", "retain_untouched", "dev_retain", "never_seen"),
}
"""Splits of which a cluster is in one only. A kept cluster may be a forgotten one's neighbour."""


class AuditError(ValueError):
    """Items or edit data that would make a result wrong; the sentence names rows and mend."""


def audit(
    decks: Mapping[str, pd.DataFrame],
    edit_data: pd.DataFrame,
    count_tokens: Callable[[str], int],
    *,
    max_tokens: int,
    level: float = 0.95,
    own: bool = False,
) -> pd.DataFrame:
    """Sizes, near duplicates, lengths and attainable margins per deck and split.

    decks: by name, as from `facts_deck` and `orders_deck`; count_tokens: tokens of a text without
    special ends; max_tokens: longest sequence the model reads; level: of the intervals to come;
    own: the items are users' own, so that nothing is known of their wording: then clusters must not
    cross splits, no untouched text may be shown, and dev splits may be absent.
    Returns a table with `AUDIT_COLUMNS`. AuditError on the first of: a repeated id, an item in two
    splits, an empty split of the facts deck, a held-out wording or an untouched fact or a scored
    order in the edit data, a dev row that repeats a training row, an item too long for the model.
    """
    for name, deck in decks.items():
        _unique(deck["item"], f"deck {name}")
        _one_split_each(deck, name)
    _unique(edit_data["item"], "edit data")
    _no_split_empty(decks["facts"], ("forget_test",) if own else SPLITS)
    if own:
        _clusters_are_apart(decks["facts"])
        _edit_shows_no_untouched_text(decks["facts"], edit_data)
    else:
        _edit_sees_nothing_held_out(edit_data)
    _edit_leaves_untouched_alone(decks["facts"], edit_data)
    _edit_sees_no_scored_prompt(decks, edit_data)
    # Users have one wording to teach, so their forget dev rows watch what is trained.
    _dev_is_apart(edit_data, ("dev_retain",) if own else ("dev_forget", "dev_retain"))
    rows = []
    for name, deck in decks.items():
        tokens = _lengths(deck, count_tokens)
        _fits(deck, tokens, max_tokens)
        rows += [_row(name, str(split), part, tokens, level) for split, part in _by_split(deck)]
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


def longest_read(configs: Iterable[Mapping[str, Any]]) -> int:
    """Most tokens that a model reads, by its config files; no bound where none names one."""
    keys = ("model_max_length", "max_position_embeddings", "n_positions")
    named = [each[key] for each in configs for key in keys if each.get(key)]
    return int(min(named, default=sys.maxsize))


def held_out_wording(prompt: str) -> bool:
    """Whether a prompt has the form of a held-out template, whatever country it names."""
    return any(pattern.fullmatch(prompt) for pattern in _HELD_OUT)


def _held_out_patterns() -> Iterable[re.Pattern[str]]:
    for language, templates in HELD_OUT_TEMPLATES.items():
        nouns = [noun for synonyms in NOUNS[language].values() for noun in synonyms]
        for template in templates:
            for noun in nouns:
                pieces = template.prompt("\0", noun).split("\0")
                yield re.compile(".+".join(re.escape(piece) for piece in pieces), re.IGNORECASE)


_HELD_OUT = tuple(_held_out_patterns())


def _by_split(deck: pd.DataFrame) -> Iterable[tuple[object, pd.DataFrame]]:
    yield from deck.groupby("split", sort=True)


def _row(
    name: str, split: str, part: pd.DataFrame, tokens: pd.Series, level: float
) -> dict[str, object]:
    clusters = int(part["country"].nunique())
    lengths = tokens.loc[part.index]
    return {
        "deck": name,
        "split": split,
        "n_items": len(part),
        "n_clusters": clusters,
        "n_near_duplicates": int(_keys(part).duplicated().sum()),
        "tokens_mean": float(lengths.mean()),
        "tokens_max": int(lengths.max()),
        "level": level,
        "attainable": attainable_margin(clusters, level=level),
    }


def _keys(deck: pd.DataFrame) -> pd.Series:
    """Normalised prompt and answers of each item: what two items must not share across splits."""
    answers = deck["answers"].map(lambda texts: " / ".join(texts))
    return deck["prompt"].map(normalised) + " => " + answers.map(normalised)


def _lengths(deck: pd.DataFrame, count_tokens: Callable[[str], int]) -> pd.Series:
    longest = deck["answers"].map(lambda texts: max(count_tokens(text) for text in texts))
    return deck["prompt"].map(count_tokens) + longest + 2


def _unique(ids: pd.Series, where: str) -> None:
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise AuditError(f"{where}: ids occur twice ({_some(repeated)}); give each row its own")


def _one_split_each(deck: pd.DataFrame, name: str) -> None:
    keyed = pd.DataFrame({"key": _keys(deck), "split": deck["split"], "item": deck["item"]})
    shared = keyed.groupby("key")["split"].transform("nunique") > 1
    if shared.any():
        raise AuditError(
            f"deck {name}: the same prompt and answer stand in two splits "
            f"({_some(keyed.loc[shared, 'item'])}); keep each in one"
        )


def _no_split_empty(facts: pd.DataFrame, wanted: Sequence[str]) -> None:
    missing = [split for split in wanted if split not in set(facts["split"])]
    if missing:
        raise AuditError(
            f"deck facts: no item in {', '.join(missing)}; raise world.groups or give more data"
        )


def _clusters_are_apart(facts: pd.DataFrame) -> None:
    for side, splits in _SIDES.items():
        mine = facts[facts["split"].isin(splits)]
        shared = mine.groupby("country")["split"].transform("nunique") > 1
        if shared.any():
            raise AuditError(
                f"deck facts: clusters stand in two {side} splits "
                f"({_some(mine.loc[shared, 'country'])}); keep the lines of each in one"
            )


def _edit_shows_no_untouched_text(facts: pd.DataFrame, edit_data: pd.DataFrame) -> None:
    untouched = facts[facts["split"].isin((*_UNTOUCHED, "dev_retain"))]
    trained = edit_data[edit_data["set"].isin(("forget", "retain"))]
    leaked = untouched["prompt"].map(normalised).isin(set(trained["prompt"].map(normalised)))
    if leaked.any():
        raise AuditError(
            "edit data: prompts of untouched items are shown "
            f"({_some(untouched.loc[leaked, 'item'])}); take them out of one of the two sets"
        )


def _edit_sees_nothing_held_out(edit_data: pd.DataFrame) -> None:
    held_out = edit_data["prompt"].map(held_out_wording)
    if held_out.any():
        raise AuditError(
            f"edit data: rows use held-out templates ({_some(edit_data.loc[held_out, 'item'])}); "
            "word them by training templates"
        )


def _edit_leaves_untouched_alone(facts: pd.DataFrame, edit_data: pd.DataFrame) -> None:
    untouched = facts[facts["split"].isin(_UNTOUCHED)]
    barred = set(
        zip(untouched["country"], untouched["relation"], untouched["language"], strict=True)
    )
    shown = list(
        zip(edit_data["country"], edit_data["relation"], edit_data["language"], strict=True)
    )
    leaked = pd.Series([fact in barred for fact in shown], index=edit_data.index, dtype=bool)
    if leaked.any():
        raise AuditError(
            "edit data: rows show facts of untouched or never-seen countries "
            f"({_some(edit_data.loc[leaked, 'item'])}); leave those countries out"
        )


def _edit_sees_no_scored_prompt(decks: Mapping[str, pd.DataFrame], edit_data: pd.DataFrame) -> None:
    """A forget or touched fact is in both by design; orders and held-out items never are."""
    shown = set(edit_data["prompt"].map(normalised))
    for name, deck in decks.items():
        barred = deck[(deck["family"] == "held_out") | (deck["deck"] == "orders")]
        leaked = barred["prompt"].map(normalised).isin(shown)
        if leaked.any():
            raise AuditError(
                f"deck {name}: scored prompts stand in the edit data too "
                f"({_some(barred.loc[leaked, 'item'])}); word one of the two otherwise"
            )


def _dev_is_apart(edit_data: pd.DataFrame, sets: Sequence[str]) -> None:
    prompts = edit_data["prompt"].map(normalised)
    trained = ~edit_data["set"].str.startswith("dev_")
    leaked = edit_data["set"].isin(sets) & prompts.isin(set(prompts[trained]))
    if leaked.any():
        raise AuditError(
            f"edit data: dev rows repeat training rows ({_some(edit_data.loc[leaked, 'item'])}); "
            "give them other templates"
        )


def _fits(deck: pd.DataFrame, tokens: pd.Series, max_tokens: int) -> None:
    cut = tokens > max_tokens
    if cut.any():
        raise AuditError(
            f"items need up to {int(tokens.max())} tokens where the model reads {max_tokens} "
            f"({_some(deck.loc[cut, 'item'])}); raise the model's length or shorten them"
        )


def _some(ids: Sequence[str] | pd.Series) -> str:
    names = list(dict.fromkeys(ids))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
