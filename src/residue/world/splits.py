"""Where a fact belongs: its split, and whether it shares an answer or a border with forgotten ones.

The meaning of each split per request is in `residue.specs.world.WorldSpec`.
"""

from __future__ import annotations

from collections.abc import Iterator

from residue.world.build import World


def split_of(world: World, country: str, language: str) -> str:
    """Split of a country's facts in a language; every fact has exactly one."""
    group, role = world.group_of[country]
    if group == "never_seen":
        return "never_seen"
    if world.spec.request == "facts":
        return f"{group}_{role}"
    forgotten = world.forgotten(country, language)
    if group == "dev":
        return "dev_forget" if forgotten else "dev_retain"
    relearn = (group, role) == ("forget", "relearn")
    if forgotten:
        return "forget_relearn" if relearn else "forget_test"
    touched = relearn or (group, role) == ("retain", "touched")
    return "retain_touched" if touched else "retain_untouched"


def kept(world: World, country: str, language: str) -> bool:
    """Whether a trained country's facts in this language are to be kept."""
    trained = world.group_of[country][0] != "never_seen"
    return trained and not world.forgotten(country, language)


def same_answer(world: World, country: str, relation: str, language: str) -> bool:
    """Whether a kept fact has the answer of some forgotten country's fact of the same relation.

    False throughout under request `language`, where a kept answer is never in the forgotten script.
    """
    if world.spec.request == "language" or not kept(world, country, language):
        return False
    answer = world.identities[country, relation]
    return any(world.identities[other, relation] == answer for other in _forgotten(world))


def near_neighbour(world: World, country: str, language: str) -> bool:
    """Whether a kept country borders a forgotten one; False throughout under request `language`."""
    if world.spec.request == "language" or not kept(world, country, language):
        return False
    return not world.neighbours[country].isdisjoint(_forgotten(world))


def _forgotten(world: World) -> Iterator[str]:
    return (country for country in world.curriculum if world.forgotten(country, "en"))
