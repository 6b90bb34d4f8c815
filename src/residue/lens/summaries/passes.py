"""All summaries of one arm: lens tables in, five long tables out.

`milestones`: at which row each lens first …; `controls`: the answer against its foil; `ablations`:
what another wording changes; `audits`: how far the readings can be trusted; `guidance`: which
cautions follow, with the numbers. A pure function of the tables: adding a lens or an item changes
no line of another, but for guidance, which counts items.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from residue.lens.summaries import (
    ablations,
    audits,
    cautions,
    confirmation,
    controls,
    copying,
    milestones,
    surface,
    tidy,
)
from residue.lens.summaries.asked import Asked
from residue.lens.summaries.scan import Found, Words
from residue.lens.summaries.trajectories import KEY, RUN, Trajectories
from residue.specs.lens_summaries import LensSummariesSpec

COLUMNS = tuple(
    dict.fromkeys(
        [
            *milestones.COLUMNS,
            *surface.COLUMNS,
            *controls.COLUMNS,
            *copying.COLUMNS,
            "row_norm",
        ]
    )
)
"""Numeric columns that trajectories are made of."""


def summarise(
    tables: Mapping[str, pd.DataFrame],
    pairs: pd.DataFrame | None,
    asked: Asked,
    spec: LensSummariesSpec,
) -> dict[str, pd.DataFrame]:
    """Summaries of one arm over its pairs and seeds, as long tables by name.

    tables: lens → its table, with the columns of `docs/data-formats.md`; pairs: norm against raw,
    or None. Raises `ValueError` where the main lens was not read.
    """
    if spec.main not in tables:
        read = ", ".join(tables) or "none"
        raise ValueError(
            f"the main lens '{spec.main}' has no table (there are: {read}); name one of them under "
            "lens_summaries.main, or add it to the lenses that are read."
        )
    everything = numeric(tables)
    t = Trajectories.of(everything, COLUMNS)
    flags = copying.copy_flags(
        t,
        asked.prompts,
        asked.wordless,
        strict=spec.copy.strict,
        margin=spec.copy.margin,
        soft=spec.copy.soft,
        windows=spec.copy.windows,
        start=spec.start_row,
    )
    found = lens_milestones(t, asked.vocabulary, spec)
    found |= copying.copy_milestones(t.rows, flags, spec.start_row)
    lines = tidy.milestone_lines(t.keys, found)
    main = (t.keys["lens"] == spec.main).to_numpy()
    of_main = {name: Found(each.row[main], each.reason[main]) for name, each in found.items()}
    confirmed, sources = confirm_main(t, of_main["rank<=1"], spec)
    of_main["confirmed"] = confirmed
    keys = t.keys[main].reset_index(drop=True)
    lines = tidy.joined([lines, tidy.milestone_lines(keys, {"confirmed": confirmed})],
                        tidy.MILESTONES)  # fmt: skip
    reading = audits.Reading(
        t=t, main=t.where(main), found=found, of_main=of_main, sources=sources, flags=flags
    )
    audited = audits.audits(tables, everything, pairs, reading, asked, spec)
    return {
        "milestones": lines,
        "controls": control_lines(t, spec),
        "ablations": ablations.shifts(lines, asked.deck),
        "audits": audited,
        "guidance": cautions.guided(audited, reading, asked, spec),
    }


def numeric(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The lens tables as one, without lists but for the most likely id of each row."""
    parts = []
    for table in tables.values():
        kept = [name for name in (*KEY, "row", *COLUMNS) if name in table]
        top = [ids[0] if ids is not None and len(ids) else None for ids in table["topk_ids"]]
        parts.append(table[kept].assign(top1_id=pd.array(top, dtype="Float64")))
    return pd.concat(parts, ignore_index=True)


def lens_milestones(t: Trajectories, vocabulary: int, spec: LensSummariesSpec) -> dict[str, Found]:
    """Every milestone but copying and confirmation; name → (keys,)."""
    start = spec.start_row
    found = milestones.rank_milestones(t, sorted({1, *spec.ranks}), start)
    found |= milestones.kl_milestones(t, spec.kl, start)
    found |= milestones.cosine_milestones(t, spec.cosines, start)
    found |= milestones.gap_milestones(t, spec.gaps, start)
    found["entropy_collapse"] = milestones.entropy_collapse(t, spec.entropy, start)
    found |= milestones.gate_milestones(t, vocabulary, spec.uniform_margin, spec.strong_gap, start)
    found["surface_to_meaning"] = surface.surface_to_meaning(t, spec.echo_margin, start).found
    found["geometric_crossover"] = surface.geometric_crossover(
        t, spec.crossover_margin, start
    ).found
    found["topk_decay"] = surface.topk_decay(t, spec.prompt_mass, start).found
    return found


def confirm_main(t: Trajectories, semantic: Found, spec: LensSummariesSpec) -> tuple[Found, Words]:
    """The main lens's semantic rows, confirmed by the others that were read."""
    main = t.where((t.keys["lens"] == spec.main).to_numpy())
    read = set(t.keys["lens"])
    others = {
        lens: t.where((t.keys["lens"] == lens).to_numpy()).like(main, [*RUN, "item"])
        for lens in spec.confirm
        if lens in read
    }
    return confirmation.confirm(semantic, others, spec.confirm_rows, spec.start_row)


def control_lines(t: Trajectories, spec: LensSummariesSpec) -> pd.DataFrame:
    """The answer against its foil, of every item; rows and numbers."""
    read = controls.control(
        t, margin=spec.control_margin, gap=spec.strong_gap, start=spec.start_row
    )
    rows = {
        "lasting_row": read.lasting,
        "lasting_odds_row": read.lasting_odds,
        "positive_row": read.positive,
        "strong_row": read.strong,
    }
    numbers = {
        "largest_margin": read.most,
        "last_margin": read.last,
        "largest_gap": read.largest_gap,
    }
    return tidy.joined(
        [
            tidy.found_lines(t.keys, "control", rows),
            tidy.number_lines(t.keys, "control", numbers),
        ]
    )
