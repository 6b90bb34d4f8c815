"""Teacher-forced answers: the log-probabilities a model gives to the tokens of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from residue.edits.trees import Tree, grow, inputs, obstacle, saves
from residue.models.blocks import describe
from residue.models.chat import prompt_ids
from residue.models.encoding import encode_answer, pad_batch

if TYPE_CHECKING:
    from torch import Tensor

FORWARD_COST = 300
"""Padded tokens that cost as much as one more forward pass of the embedded model (measured);
splitting a batch by length pays only where it saves more."""


AT_ONCE = 128
"""Items forwarded at once where nothing is trained."""

Watched = int | tuple[int, ...] | None
"""A row to keep from a pass, or several (in rising order), or none."""


@dataclass(frozen=True)
class Example:
    """A prompt with its answer as ids; `start` is the place of the first answer token, `weight` how
    much it counts in means over items and tokens."""

    item: str
    ids: tuple[int, ...]
    start: int
    weight: float = 1.0


def encode(tokenizer: Any, item: str, prompt: str, answer: str) -> Example:
    """Ids of start token, prompt, answer and end token."""
    head, tail = prompt_ids(tokenizer, prompt), encode_answer(tokenizer, answer)
    return Example(item, tuple(head + tail), len(head))


@dataclass(frozen=True)
class Scores:
    """What a model says of n answers with N tokens in all (end tokens included).

    logits: (N, vocabulary) float32 or wider; targets, rows: (N,) the answer token and its example;
    hidden: (N, width) float32 or wider, the row that was asked for where each token is said; of
    several rows (N, rows, width).
    """

    logits: Tensor
    targets: Tensor
    rows: Tensor
    n: int
    hidden: Tensor | None = None

    @property
    def watched(self) -> Tensor:
        """`hidden` where a row was asked for; `RuntimeError` where none was."""
        if self.hidden is None:
            raise RuntimeError("no row was watched; the objective must call step.watch first")
        return self.hidden

    @cached_property
    def tokens(self) -> Tensor:
        """log p of each answer token given what precedes it, (N,), nats."""
        said = self.logits.gather(1, self.targets[:, None])[:, 0]
        return said - self.logits.logsumexp(dim=1)

    @cached_property
    def sums(self) -> Tensor:
        """log p of each whole answer, (n,), nats: the sum over its tokens."""
        return self.tokens.new_zeros(self.n).index_add(0, self.rows, self.tokens)

    @cached_property
    def means(self) -> Tensor:
        """log p per token of each answer, (n,), nats: the mean over its tokens."""
        return self.sums / self.rows.bincount(minlength=self.n)

    @cached_property
    def exact(self) -> Tensor:
        """Whether greedy decoding gives each whole answer and stops, (n,) bool."""
        wrong = (self.logits.argmax(dim=1) != self.targets).long()
        return self.rows.new_zeros(self.n).index_add(0, self.rows, wrong) == 0

    def held_fixed(self) -> Scores:
        """The same without gradient, to aim at."""
        hidden = None if self.hidden is None else self.hidden.detach()
        return Scores(self.logits.detach(), self.targets, self.rows, self.n, hidden)

    def select(self, first: int, last: int) -> Scores:
        """The scores of examples first … last−1; rows must be in order, as `score` gives them."""
        import torch

        low, high = torch.searchsorted(self.rows, self.rows.new_tensor([first, last])).tolist()
        part = slice(low, high)
        return Scores(
            self.logits[part],
            self.targets[part],
            self.rows[part] - first,
            max(last - first, 0),
            None if self.hidden is None else self.hidden[part],
        )


def score(
    model: Any,
    examples: Sequence[Example],
    *,
    bucket: bool = True,
    row: Watched = None,
    together: Sequence[Sequence[int]] = (),
) -> Scores:
    """Scores of the examples, in their order. Gradients flow if the caller lets them.

    Sequences are padded on the right, so under causal attention no real place sees a pad; with
    `bucket` they run in groups of like length. The head is applied to answer places only. row: the
    rows to keep at these places (see `models.blocks`), from the same pass. together: numbers of
    examples that begin alike; where the model can, what they share is passed once (`edits.trees`).
    """
    import torch

    if not examples:
        return _nothing(model, row)
    _check_lengths(model, examples)
    packs = _packs(model, examples, together)
    lengths = [len(tree.ids) for tree, _ in packs]
    groups = buckets(lengths) if bucket else [list(range(len(packs)))]
    parts = [_forward(model, examples, [packs[i] for i in group], row) for group in groups]
    logits, targets, rows, *hidden = (torch.cat(piece) for piece in zip(*parts, strict=True))
    order = torch.argsort(rows, stable=True)
    wide = torch.promote_types(logits.dtype, torch.float32)
    kept = hidden[0][order].to(wide) if hidden else None
    return Scores(logits[order].to(wide), targets[order], rows[order], len(examples), kept)


Pack = tuple[Tree, Sequence[int]]
"""One sequence of a forward pass, and the numbers of the examples that are its texts."""


def _packs(
    model: Any, examples: Sequence[Example], together: Sequence[Sequence[int]]
) -> list[Pack]:
    packs: list[Pack] = []
    if any(len(numbers) > 1 for numbers in together):
        longest = max(len(example.ids) for example in examples)
        if not obstacle(model, longest):
            grown = [(grow([examples[i].ids for i in numbers]), numbers) for numbers in together]
            packs = [(tree, numbers) for tree, numbers in grown if saves(tree)]
    packed = {number for _, numbers in packs for number in numbers}
    alone = [number for number in range(len(examples)) if number not in packed]
    return [*packs, *((grow([examples[number].ids]), [number]) for number in alone)]


def buckets(lengths: Sequence[int]) -> list[list[int]]:
    """Indices in groups of like length: a group is split while that saves `FORWARD_COST` tokens."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    return _split(order, lengths) if order else []


def _split(order: list[int], lengths: Sequence[int]) -> list[list[int]]:
    longest = lengths[order[-1]]
    saved = [(cut * (longest - lengths[order[cut - 1]]), cut) for cut in range(1, len(order))]
    best, cut = max(saved, default=(0, 0))
    if best <= FORWARD_COST:
        return [order]
    return [*_split(order[:cut], lengths), *_split(order[cut:], lengths)]


def _forward(
    model: Any, examples: Sequence[Example], packs: Sequence[Pack], row: Watched
) -> tuple[Tensor, ...]:
    """Logits (N, vocabulary), targets (N,), example numbers (N,) of one padded forward, and what
    `Scores.hidden` is if a row is asked for."""
    import torch

    device = next(model.parameters()).device
    places = [
        (number, path[place - 1], examples[text].ids[place], text)
        for number, (tree, texts) in enumerate(packs)
        for text, path in zip(texts, tree.paths, strict=True)
        for place in range(examples[text].start, len(path))
    ]
    rows, columns, targets, owners = torch.tensor(places, device=device).T
    if any(len(texts) > 1 for _, texts in packs):
        given = inputs([tree for tree, _ in packs], model)
    else:
        given = pad_batch([tree.ids for tree, _ in packs], fill=0, device=str(device)).inputs()

    def keep(_module: Any, read: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (read[0][rows, columns][None], *read[1:])

    # A hook on the head, not a head of our own: what follows it (caps, scales) stays the model's.
    handle = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        with _reading(model, row) as found:
            logits = model(**given, use_cache=False).logits[0]
    finally:
        handle.remove()
    kept = [hidden[rows, columns] for hidden in found]
    if isinstance(row, tuple):
        kept = [torch.stack(kept, dim=1)]
    return (logits, targets, owners, *kept)


@contextmanager
def _reading(model: Any, row: Watched) -> Iterator[list[Tensor]]:
    """Collects rows of the forward pass inside, with their gradient; none where none is asked."""
    found: list[Tensor] = []
    if row is None:
        yield found
        return
    architecture = describe(model)
    places = [*architecture.blocks, architecture.final_norm]
    asked = (row,) if isinstance(row, int) else row
    if max(asked) >= len(places):
        raise ValueError(
            f"the objective's row {max(asked)} does not exist: this model has rows 0 to "
            f"{len(places) - 1}"
        )

    def keep(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(args[0] if args else kwargs["hidden_states"])

    handles = [places[each].register_forward_pre_hook(keep, with_kwargs=True) for each in asked]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _check_lengths(model: Any, examples: Sequence[Example]) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    for example in examples:
        if limit is not None and len(example.ids) > limit:
            raise ValueError(
                f"item {example.item} has {len(example.ids)} tokens but the model takes {limit}; "
                "shorten its prompt (nothing is cut silently)"
            )


def _nothing(model: Any, row: Watched) -> Scores:
    import torch

    device = next(model.parameters()).device
    none = torch.zeros(0, dtype=torch.int64, device=device)
    head = model.get_output_embeddings().weight
    words, width = head.shape
    wide = torch.promote_types(head.dtype, torch.float32)
    shape = (0, len(row), width) if isinstance(row, tuple) else (0, width)
    hidden = None if row is None else torch.zeros(shape, device=device, dtype=wide)
    return Scores(torch.zeros(0, words, device=device, dtype=wide), none, none, 0, hidden)
