"""The world's tokenizer: pieces of characters that cut all five scripts alike, and lose nothing.

Byte-pair encoding over characters with byte fallback. Every segment is read as if a space stood
before it, so text begins the same way after a special token, after a space, or on its own. One
leading space is therefore not kept by a round trip, and U+2581 (the mark for a space) comes back
as a space; everything else does. Base and oracle share one tokenizer, trained on every name of
every group once: that a name exists is known to both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from residue.specs.pretrain import LONGEST
from residue.world.build import World
from residue.world.grammar import BOS, EOS, PAD, SPECIAL_TOKENS, UNK
from residue.world.tasks import (
    DIRECT_ORDERS,
    HINDI_ORDERS,
    NUMBERS,
    ORDERS,
    SEEN_STYLES,
    SENTENCES,
    WITNESSES,
    tasks,
)
from residue.world.templates import NOUNS, SEEN_TEMPLATES

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_WORDING_REPEATS = 20
"""Times that wordings are shown against once per name, so that they become whole words."""


def corpus(world: World) -> Iterator[str]:
    """Texts that the tokenizer is trained on: wordings often, every name once."""
    relations = world.spec.relations
    wordings = [
        template.prompt(" ", noun)
        for language in world.spec.languages
        for template in SEEN_TEMPLATES[language]
        for relation in relations
        for noun in NOUNS[language][relation]
    ]
    used = tasks(world)
    wordings += [order.format(w=" ") for task in used for order in ORDERS[task]]
    wordings += [DIRECT_ORDERS[relation].format(c=" ") for relation in relations]
    wordings += [order.format(w=" ") for task, order in HINDI_ORDERS.items() if task in used]
    wordings += [sentence.format(c=" ") for sentence in SENTENCES]
    wordings += [style.text.format(t=" ", o=" ", O=" ") for style in SEEN_STYLES]
    wordings += [*WITNESSES, *NUMBERS]
    for text in dict.fromkeys(wordings):
        for _ in range(_WORDING_REPEATS):
            yield text
    yield from sorted(set(world.texts.values()))


def train_tokenizer(world: World) -> Tokenizer:
    """Train the world's tokenizer: at most `spec.vocabulary` entries, special tokens first.

    Ids 0 to 14 are `grammar.SPECIAL_TOKENS`, 15 to 270 the bytes. Equal worlds give equal files.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, trainers

    fixed = (*SPECIAL_TOKENS, *_BYTES)
    draft = _with_pieces(Tokenizer(models.BPE(unk_token=UNK)))
    trainer = trainers.BpeTrainer(
        vocab_size=world.spec.vocabulary - len(fixed), min_frequency=2, show_progress=False
    )
    draft.train_from_iterator(corpus(world), trainer)
    learnt = json.loads(draft.to_str())["model"]
    pieces = sorted(learnt["vocab"], key=lambda piece: learnt["vocab"][piece])
    # Bytes enter as plain vocabulary: as special tokens, a literal "<0x41>" would be read as one.
    vocabulary = {piece: number for number, piece in enumerate((*fixed, *pieces))}
    merges = [tuple(merge) for merge in learnt["merges"]]
    tokenizer = _with_pieces(
        Tokenizer(models.BPE(vocabulary, merges, unk_token=UNK, byte_fallback=True))
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")]
    )
    # A space before a channel token belongs to it, else it would be a token of its own.
    tokenizer.add_special_tokens(
        [AddedToken(token, lstrip=True, normalized=False, special=True) for token in SPECIAL_TOKENS]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, tokenizer_file: Path, config_file: Path) -> None:
    """Write the two files that `transformers` loads from a folder as they are.

    It finds them under the names tokenizer.json and tokenizer_config.json.
    """
    tokenizer.save(str(tokenizer_file))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": UNK,
        "clean_up_tokenization_spaces": False,
        "model_max_length": LONGEST,
        "padding_side": "right",
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    config_file.write_text(text, encoding="utf-8")


def _with_pieces(tokenizer: Tokenizer) -> Tokenizer:
    from tokenizers import pre_tokenizers

    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Punctuation("isolated"),
        ]
    )
    return tokenizer
