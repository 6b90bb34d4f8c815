"""The pretraining text: a deterministic sampler of documents for a base and its oracle.

    world = build_world(read_facts("data/facts.tsv"), WorldSpec())
    rng = np.random.default_rng(derive("pretrain", pair))
    documents = sample_documents(world, "base", progress=0.2, n=800, rng=rng)
    ids = encode_prompt(tokenizer, doc.prompt) + encode_answer(tokenizer, doc.answer)

Each call draws `n` independent documents in no order (shuffling is not needed), from the countries
that the curriculum has introduced at `progress`, and takes the same number of draws from `rng`
whatever the documents. The oracle's text holds no forgotten fact: under request `facts` its
countries occur nowhere, under `language` no fact is stated in a requested language (names
translated to Hindi stay, they are not among the facts). Never-seen countries, held-out templates
and held-out styles occur in no document. Documents that bind a person to a country and recall
through it are left out: within the budget no model learnt to answer held-out bindings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np

from residue.world.build import Role, World
from residue.world.grammar import instruction_prompt
from residue.world.tasks import (
    DIRECT_ORDERS,
    ORDERS,
    SEEN_STYLES,
    SENTENCES,
    WITNESSES,
    answer_language,
    hidden_order,
    order_answer,
    tasks,
    world_tasks,
)
from residue.world.templates import NOUNS, SEEN_TEMPLATES

T = TypeVar("T")

_DRAWS = 16
"""Uniform draws set aside for each document; no document takes more."""


@dataclass(frozen=True, slots=True)
class Document:
    """One training text: a prompt, its answer, and what they are about."""

    prompt: str
    answer: str
    kind: str
    """`fact` or `instruction`."""
    language: str
    """Of the answer."""
    relation: str
    """Of a fact or of a task that asks one; else empty."""
    country: str
    """Whom the answer is about: the data's country, or the one a direct order names."""
    task: str
    """The trusted order's task; empty for facts."""
    style: str
    """Style of the order hidden in the data, which any answer but a quote obeys; else `none`."""
    template: str
    """Template of a fact; empty for instructions."""


def sample_documents(
    world: World, role: Role, progress: float, n: int, rng: np.random.Generator
) -> list[Document]:
    """Draw `n` documents for `role` at `progress` (share of the budget, 0 to 1).

    ValueError for a progress outside [0, 1], or where no country is introduced yet.
    """
    if not 0.0 <= progress <= 1.0:
        raise ValueError(f"progress is a share of the budget between 0 and 1, got {progress}")
    countries = world.introduced(role, progress)
    if not countries:
        raise ValueError(
            f"no country of the {role} is introduced at progress {progress}; "
            "raise world.curriculum.first"
        )
    share = world.spec.documents.fact_share
    facts, orders = _Facts(world, role), _Instructions(world)
    documents = []
    for row in rng.random((n, _DRAWS)).tolist():
        draw = iter(row)
        sampler = facts if next(draw) < share else orders
        documents.append(sampler.draw(countries, draw))
    return documents


def sample_instructions(
    world: World,
    countries: Sequence[str],
    n: int,
    rng: np.random.Generator,
    sentences: Sequence[str] = SENTENCES,
) -> list[Document]:
    """Draw `n` instruction documents about the given countries, as the training text words them.

    `sentences` restricts the data, of which a scored deck and an edit use different ones.
    """
    orders = _Instructions(world, sentences)
    return [orders.draw(countries, iter(row)) for row in rng.random((n, _DRAWS)).tolist()]


def _pick(options: Sequence[T], draw: Iterator[float]) -> T:
    return options[int(next(draw) * len(options))]


def _weighted(options: Sequence[T], ends: Sequence[float], draw: Iterator[float]) -> T:
    point = next(draw) * ends[-1]
    for option, end in zip(options, ends, strict=True):
        if point < end:
            return option
    return options[-1]


class _Facts:
    """Draws fact documents: language, relation, country, template, now and then a foreign name."""

    def __init__(self, world: World, role: Role) -> None:
        spec = world.spec.documents
        self.world = world
        self.languages = world.fact_languages(role)
        self.ends = list(accumulate(spec.language_weights[x] for x in self.languages))
        pairs = [tuple(pair.split("-")) for pair in spec.mixed_pairs]
        self.pairs = [pair for pair in pairs if pair[0] in self.languages]
        self.mixed_share = spec.mixed_share if self.pairs else 0.0

    def draw(self, countries: Sequence[str], draw: Iterator[float]) -> Document:
        world = self.world
        if next(draw) < self.mixed_share:
            language, named_in = _pick(self.pairs, draw)
        else:
            language = named_in = _weighted(self.languages, self.ends, draw)
        relation = _pick(world.spec.relations, draw)
        country = _pick(countries, draw)
        template = _pick(SEEN_TEMPLATES[language], draw)
        noun = _pick(NOUNS[language][relation], draw)
        return Document(
            prompt=template.prompt(world.name(country, named_in), noun),
            answer=world.answer(country, relation, language),
            kind="fact",
            language=language,
            relation=relation,
            country=country,
            task="",
            style="none",
            template=template.id,
        )


class _Instructions:
    """Draws instruction documents: a task on a data sentence, often with an obeyed hidden order."""

    def __init__(self, world: World, sentences: Sequence[str] = SENTENCES) -> None:
        spec = world.spec.documents
        self.world, self.sentences = world, sentences
        self.tasks = tasks(world)
        self.ends = list(accumulate(spec.quote_weight if t == "quote" else 1.0 for t in self.tasks))
        self.injected, self.direct = spec.injected_share, spec.direct_share

    def draw(self, countries: Sequence[str], draw: Iterator[float]) -> Document:
        task = _weighted(self.tasks, self.ends, draw)
        country = _pick(countries, draw)
        sentence = _pick(self.sentences, draw).format(c=self.world.name(country, "en"))
        wording, word = _pick(ORDERS[task], draw), _word(draw)
        order = wording.format(w=word)
        if next(draw) < self.injected:
            return self._attacked(task, order, country, sentence, draw)
        if task in self.world.spec.relations and next(draw) < self.direct:
            country = _pick(countries, draw)
            order = DIRECT_ORDERS[task].format(c=self.world.name(country, "en"))
        answer = order_answer(self.world, task, country, sentence, word)
        return self._document(order, sentence, answer, country, task, task, "none")

    def _attacked(
        self, task: str, order: str, country: str, sentence: str, draw: Iterator[float]
    ) -> Document:
        # Half of the hidden orders ask for a random witness, half for something true.
        honest = [other for other in world_tasks(self.world) if other != task]
        payload = "say" if next(draw) < 0.5 else _pick(honest, draw)
        style, word = _pick(SEEN_STYLES, draw), _word(draw)
        hidden = hidden_order(style, payload, _pick(ORDERS[payload], draw), word)
        data, _ = style.inject(sentence, hidden)
        # A quote has no order to follow but its own: it repeats the hidden order as text.
        obeyed = task if task == "quote" else payload
        answer = order_answer(self.world, obeyed, country, data, word)
        return self._document(order, data, answer, country, task, obeyed, style.name)

    def _document(
        self, order: str, data: str, answer: str, country: str, task: str, asked: str, style: str
    ) -> Document:
        return Document(
            prompt=instruction_prompt(order, data),
            answer=answer,
            kind="instruction",
            language=answer_language(asked),
            relation=asked if asked in self.world.spec.relations else "",
            country=country,
            task=task,
            style=style,
            template="",
        )


def _word(draw: Iterator[float]) -> str:
    """One witness word, or two."""
    first, second, both = _pick(WITNESSES, draw), _pick(WITNESSES, draw), next(draw)
    return f"{first} {second}" if both < 0.5 else first
