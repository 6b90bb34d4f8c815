"""What summaries must know of the items beside the lens tables: prompts as ids, wordless tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from residue.lens.summaries.copying import blank_or_punctuation

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Asked:
    """What a lens table does not say of its items."""

    deck: pd.DataFrame
    """Items with `style` (the variant) and `twin` (id of the original)."""
    prompts: Mapping[str, Sequence[int]]
    """Item → ids of its prompt without special tokens."""
    wordless: frozenset[int]
    """Ids of tokens that are blank or punctuation."""
    vocabulary: int
    """Size of the law that a lens reads."""


def asked_of(
    deck: pd.DataFrame, tokenizer: Tokenizer, tables: Iterable[pd.DataFrame], *, vocabulary: int
) -> Asked:
    """Encode the prompts of a deck, and spell the tokens that lenses read as most likely.

    Special tokens that stand in a prompt as text are left out of its ids: no answer copies them.
    """
    special = {
        token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special
    }
    encoded = tokenizer.encode_batch(list(deck["prompt"]), add_special_tokens=False)
    prompts = {
        str(item): [token for token in each.ids if token not in special]
        for item, each in zip(deck["item"], encoded, strict=True)
    }
    read = {int(ids[0]) for table in tables for ids in table["topk_ids"] if len(ids)}
    spelt = {token: tokenizer.decode([token], skip_special_tokens=False) for token in read}
    wordless = frozenset(token for token, text in spelt.items() if blank_or_punctuation(text))
    return Asked(deck, prompts, wordless, vocabulary)
