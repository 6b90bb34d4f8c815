"""Users' files as sets of items: read, rid of repeats, grouped in clusters, dealt to parts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from residue.core.seeds import derive
from residue.specs.data import DataSpec, Source
from residue.world.jsonl import DataError, Fault, count_kinds, read_rows
from residue.world.mapping import Entry, read_entries
from residue.world.texts import normalised

log = logging.getLogger(__name__)

PARTS = {"forget": ("relearn", "test"), "retain": ("touched", "untouched")}
"""The two parts of a divided set; the first is the one whose share the config gives."""


@dataclass(frozen=True)
class Item:
    """An entry with its place: set, file, cluster, part, and whether it is asked and shown."""

    set: str
    file: str
    place: str
    """`file:line`, in short; unique within the set."""
    entry: Entry
    cluster: str
    asked: bool
    shown: bool
    part: str = ""
    """Of forget and retain only."""

    @property
    def split(self) -> str:
        """Name of the split, as in decks."""
        return f"{self.set}_{self.part}" if self.part else self.set


def read_sets(spec: DataSpec, files: Mapping[str, Path]) -> tuple[list[Item], list[Fault]]:
    """All items of the files, each with its part, and every fault that was met.

    files: where each file of `spec.files()` lies. DataError for a file without items, a part that
    the set does not have, and clusters whose lines name different parts.
    """
    read = {name: read_rows(path, name=name) for name, path in files.items()}
    faults = [fault for _, found in read.values() for fault in found]
    items: list[Item] = []
    for name, number, source in spec.sources():
        key = f"data.{name}[{number}]"
        entries, found = read_entries(read[source.file][0], source, spec, key)
        placed = [_placed(name, number, source, entry) for entry in entries]
        items += placed
        faults += found + list(_notices(source, spec, placed))
    items, repeated = _without_repeats(items)
    faults += repeated
    for fault in (each for each in faults if not each.line):
        log.warning("%s: %s, %s", fault.file, fault.kind, fault.note)
    for kind, count in count_kinds(faults).items():
        log.info("%d x %s", count, kind)
    return _with_parts(items, spec), faults


def _placed(name: str, number: int, source: Source, entry: Entry) -> Item:
    tag = f"{number}-{Path(source.file).stem}" if number else Path(source.file).stem
    cluster = entry.cluster
    if not cluster:
        block = (entry.line - 1) // source.rows_per_cluster if source.rows_per_cluster else None
        cluster = f"{name}/{tag}:{entry.line}" if block is None else f"{name}/{tag}#{block + 1}"
    use = source.use
    place = f"{tag}:{entry.line}"
    return Item(name, source.file, place, entry, cluster, use != "shown", use != "asked")


def _notices(source: Source, spec: DataSpec, items: list[Item]) -> Iterable[Fault]:
    """What a reader of the numbers must know of a file, without a line of its own."""
    alone = sum(not item.entry.cluster for item in items)
    if alone and not source.rows_per_cluster:
        note = (
            f"{alone} lines count as independent; if several are about one thing, name the column "
            "or rows_per_cluster, else intervals come out too narrow"
        )
        yield Fault(source.file, 0, "no cluster", True, note)
    single = sum(len(item.entry.prompts) == 1 for item in items if item.asked)
    if single:
        note = (
            f"{single} items have one wording, so whether the base knows them cannot be decided on "
            "another; name a paraphrase column, or set measures.known.least: 0 to count all"
        )
        yield Fault(source.file, 0, "no second wording", True, note)


def _without_repeats(items: list[Item]) -> tuple[list[Item], list[Fault]]:
    """Items without the uses for which their prompt and answer stood before in the same set."""
    first: dict[tuple[str, str, str, str], Item] = {}
    kept: list[Item] = []
    faults: list[Fault] = []
    for item in items:
        entry = item.entry
        text = (item.set, normalised(entry.prompts[0]), normalised(entry.answers[0]))
        before = {
            use: first.setdefault((*text, use), item)
            for use in ("asked", "shown")
            if getattr(item, use)
        }
        fresh = {use: before.get(use) is item for use in ("asked", "shown")}
        if any(fresh.values()):
            kept.append(replace(item, asked=fresh["asked"], shown=fresh["shown"]))
        for other in list(dict.fromkeys(o.place for o in before.values() if o is not item))[:1]:
            note = f"prompt and answer stand at {other} too; used once"
            faults.append(Fault(item.file, entry.line, "repeated item", any(fresh.values()), note))
    return kept, faults


def _with_parts(items: list[Item], spec: DataSpec) -> list[Item]:
    shares = {"forget": spec.relearn_share, "retain": spec.touched_share}
    parts: dict[tuple[str, str], str] = {}
    for name, share in shares.items():
        mine = [item for item in items if item.set == name]
        given = _given_parts(name, mine)
        open_clusters = sorted({item.cluster for item in mine} - set(given))
        if name == "retain":
            given |= _parts_by_use(mine, open_clusters)
            open_clusters = [each for each in open_clusters if each not in given]
        rng = np.random.default_rng(derive("world.own_sets", name, spec.seed))
        given |= _dealt(open_clusters, PARTS[name], share, rng)
        parts |= {(name, cluster): part for cluster, part in given.items()}
    return [replace(item, part=parts.get((item.set, item.cluster), "")) for item in items]


def _given_parts(name: str, items: list[Item]) -> dict[str, str]:
    """Part by cluster, where the lines name it."""
    given: dict[str, str] = {}
    for item in items:
        part = item.entry.part
        if not part:
            continue
        if part not in PARTS[name]:
            raise DataError(
                f"data.{name}, {item.place}: part '{part}' is none of {', '.join(PARTS[name])}; "
                "write one of them, or name no part column"
            )
        if given.setdefault(item.cluster, part) != part:
            raise DataError(
                f"data.{name}, {item.place}: cluster '{item.cluster}' is in two parts; give all "
                "of its lines the same"
            )
    return given


def _parts_by_use(items: list[Item], clusters: Iterable[str]) -> dict[str, str]:
    """Retain clusters that need no dealing: shown alone is touched, only asked is untouched."""
    uses: dict[str, set[tuple[bool, bool]]] = {}
    for item in items:
        uses.setdefault(item.cluster, set()).add((item.asked, item.shown))
    decided = {}
    for cluster in clusters:
        if (False, True) in uses[cluster]:
            decided[cluster] = "touched"
        elif (True, True) not in uses[cluster]:
            decided[cluster] = "untouched"
    return decided


def _dealt(
    clusters: list[str], names: tuple[str, str], share: float, rng: np.random.Generator
) -> dict[str, str]:
    """Clusters in two parts by chance; where there are two or more, neither part is empty."""
    first = round(share * len(clusters))
    if len(clusters) > 1:
        first = min(max(first, 1), len(clusters) - 1)
    order = rng.permutation(len(clusters))
    return {clusters[i]: names[0] if rank < first else names[1] for rank, i in enumerate(order)}
