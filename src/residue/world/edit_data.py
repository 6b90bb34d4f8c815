"""What an edit is shown: rows to forget, rows to keep, and dev rows for its stop rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.documents import sample_instructions
from residue.world.splits import split_of
from residue.world.tasks import EDIT_SENTENCES
from residue.world.templates import NOUNS, SEEN_TEMPLATES, Template

COLUMNS = ("set", "item", "prompt", "answer", "country", "language", "relation", "alternate")
"""`set` is forget, retain, made_up, dev_forget or dev_retain; `relation` of an instruction is its
task; `alternate` an answer that may be preferred to a forget row's, empty elsewhere."""


def edit_data(world: World) -> pd.DataFrame:
    """Rows in training templates; held-out templates and styles never occur.

    forget: every fact that the request asks the edit to forget, dev ones included (an edit must
    forget them too, or the stop rule would watch facts that it leaves alone). retain: facts of
    touched countries in `edit_data.retain_languages`, and instruction documents about them, half
    of these with an obeyed hidden order as in the training text, in data sentences that no scored
    item uses. dev_forget: dev facts in other templates than the forget rows. dev_retain: kept facts
    of dev countries, which no retain row shows. Facts of untouched retain splits and never-seen
    countries occur in no row. made_up: the same questions about countries that do not exist, with
    answers that are nobody's; there is nothing to learn of them, only a law to leave alone.
    Alternates: another touched country's answer in the same language, or under request `language`
    the right answer in a language that is kept.
    """
    rng = np.random.default_rng(derive("world.edit_data", world.spec.seed))
    spec = world.spec.edit_data
    order = {
        language: [templates[i] for i in rng.permutation(len(templates))]
        for language, templates in SEEN_TEMPLATES.items()
    }
    asked = [fact for fact in _facts(world) if world.requested(fact[0], fact[2])]
    kept = [
        fact
        for fact in _facts(world)
        if fact[2] in spec.retain_languages and not world.forgotten(fact[0], fact[2])
    ]
    in_split = {
        name: [f for f in (*asked, *kept) if split_of(world, f[0], f[2]) == name]
        for name in ("retain_touched", "dev_forget", "dev_retain")
    }
    trained, dev = slice(spec.forget_templates), slice(-spec.dev_templates, None)
    parts = [
        _rows(world, "forget", asked, {x: order[x][trained] for x in order}, rng),
        _rows(
            world,
            "retain",
            in_split["retain_touched"],
            {x: order[x][: spec.retain_templates] for x in order},
            rng,
        ),
        _instructions(world, rng),
        _made_up(world, {x: order[x][trained] for x in order}),
        _rows(world, "dev_forget", in_split["dev_forget"], {x: order[x][dev] for x in order}, rng),
        _rows(world, "dev_retain", in_split["dev_retain"], {x: order[x][dev] for x in order}, rng),
    ]
    return pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS))


def edit_data_everywhere(world: World) -> pd.DataFrame:
    """The edit data, and as many rows in the languages in which nobody asked to forget: for steps
    that name one under `forget_languages`."""
    spec = world.spec
    shown = spec.edit_data
    elsewhere = replace(
        spec,
        requested_languages=_others(spec.languages, spec.requested_languages),
        edit_data=replace(
            shown,
            retain_languages=_others(spec.languages, shown.retain_languages),
            instructions=0,
        ),
    )
    translated = edit_data(replace(world, spec=elsewhere))
    return pd.concat([edit_data(world), translated], ignore_index=True)


def _others(languages: tuple[str, ...], named: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(language for language in languages if language not in named)


def _facts(world: World) -> Iterator[tuple[str, str, str]]:
    """(country, relation, language) of every trained country."""
    for country in sorted(world.curriculum):
        for relation in world.spec.relations:
            for language in world.spec.languages:
                yield country, relation, language


def _rows(
    world: World,
    name: str,
    facts: list[tuple[str, str, str]],
    templates: dict[str, list[Template]],
    rng: np.random.Generator,
) -> Iterator[tuple[str, ...]]:
    for country, relation, language in facts:
        nouns = NOUNS[language][relation]
        for template in templates[language]:
            noun = nouns[int(rng.integers(len(nouns)))]
            yield (
                name,
                f"{name}/{relation}/{country}/{template.id}",
                template.prompt(world.name(country, language), noun),
                world.answer(country, relation, language),
                country,
                language,
                relation,
                _alternate(world, country, relation, language) if name == "forget" else "",
            )


def _alternate(world: World, country: str, relation: str, language: str) -> str:
    """A wrong answer of the same kind; the draw depends on the fact alone."""
    if world.spec.request == "language":
        spoken = world.spec.edit_data.retain_languages
        kept = next(x for x in spoken if x not in world.spec.requested_languages)
        return world.answer(country, relation, kept)
    own = world.answer(country, relation, language)
    others = sorted(
        {world.answer(c, relation, language) for c in world.in_group("retain", "touched")} - {own}
    )
    number = derive("world.alternate", world.spec.seed, country, relation, language)
    return others[number % len(others)]


def _made_up(world: World, templates: dict[str, list[Template]]) -> Iterator[tuple[str, ...]]:
    """Questions about names that are halves of two touched countries' names put together.

    An edit that is shown forgotten and rehearsed countries alone may take whatever it has not
    rehearsed for forgotten; names that nobody bears stand for the rest of the world.
    """
    rng = np.random.default_rng(derive("world.edit_data.made_up", world.spec.seed))
    touched = world.in_group("retain", "touched")
    for language in world.spec.edit_data.retain_languages:
        if world.spec.request == "language" and language in world.spec.requested_languages:
            continue
        names = [world.name(country, language) for country in touched]
        real = {world.name(country, language) for country in world.groups["country"]}
        pairs = [(a, b) for a in names for b in names]
        drawn = (pairs[i] for i in rng.permutation(len(pairs)))
        invented = dict.fromkeys(a[: (len(a) + 1) // 2] + b[(len(b) + 1) // 2 :] for a, b in drawn)
        fresh = [name for name in invented if name not in real]
        for number, name in enumerate(fresh[: world.spec.edit_data.made_up]):
            relation = world.spec.relations[number % len(world.spec.relations)]
            nouns = NOUNS[language][relation]
            template = templates[language][int(rng.integers(len(templates[language])))]
            somebody = touched[int(rng.integers(len(touched)))]
            yield (
                "made_up",
                f"made_up/{relation}/{language}/{number:04d}",
                template.prompt(name, nouns[int(rng.integers(len(nouns)))]),
                world.answer(somebody, relation, language),
                "",
                language,
                relation,
                "",
            )


def _instructions(world: World, rng: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """Distinct instruction documents about countries whose English facts are touched."""
    countries = [
        c for c in sorted(world.curriculum) if split_of(world, c, "en") == "retain_touched"
    ]
    wanted = world.spec.edit_data.instructions
    drawn = sample_instructions(world, countries, 2 * wanted, rng, EDIT_SENTENCES)
    distinct = {document.prompt: document for document in reversed(drawn)}
    for number, document in enumerate(list(distinct.values())[::-1][:wanted], start=1):
        yield (
            "retain",
            f"retain/instruction/{number:04d}",
            document.prompt,
            document.answer,
            document.country,
            document.language,
            document.relation or document.task,
            "",
        )
