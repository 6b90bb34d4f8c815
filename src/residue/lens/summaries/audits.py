"""How far the readings of one arm can be trusted: every audit, as lines of one table.

Each audit is a module of its own; here they are asked one after the other and written as lines
(group = the audit). An audit whose table is not there has no lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from residue.lens.summaries import (
    agreement,
    confirmation,
    consistency,
    copying,
    decoding_point,
    gates,
    health,
    last_row,
    lens_audit,
    milestones,
    norms,
    positions,
    raw_audit,
    scan,
    surface,
    tidy,
)
from residue.lens.summaries.scan import Flags, Found, Words
from residue.lens.summaries.trajectories import KEY, RUN, Floats, Trajectories
from residue.specs.lens_summaries import LensSummariesSpec

if TYPE_CHECKING:
    from residue.lens.summaries.asked import Asked

PLACE = [*RUN, "item"]
TARGETS = ("rank<=10", "rank<=5", "rank<=1", "strong", "strong_run2", "confirmed")
ALIASES = {"rank<=1": consistency.SEMANTIC_TARGETS[0]}
PAIR_COLUMNS = (*raw_audit.COLUMNS, *consistency.MEASURES)
NO_LOGITS = "the whole law is not in the tables"


@dataclass(frozen=True)
class Reading:
    """What the milestones of an arm were made of."""

    t: Trajectories
    """Every lens."""
    main: Trajectories
    found: Mapping[str, Found]
    """Milestones of every lens, lines as in `t`."""
    of_main: Mapping[str, Found]
    """Milestones of the main lens with `confirmed`, lines as in `main`."""
    sources: Words
    """Who confirms, lines as in `main`."""
    flags: Mapping[str, Flags]
    """Copy flags, lines as in `t`."""

    def targets(self) -> dict[str, Floats]:
        """Rows at which lenses are compared, lines as in `main`."""
        names = [name for name in TARGETS if name in self.of_main]
        return {ALIASES.get(name, name): self.of_main[name].row for name in names}


def audits(
    tables: Mapping[str, pd.DataFrame],
    everything: pd.DataFrame,
    pairs: pd.DataFrame | None,
    reading: Reading,
    asked: Asked,
    spec: LensSummariesSpec,
) -> pd.DataFrame:
    """All audits, one line per trajectory and quantity."""
    parts = [*_of_every_lens(everything, reading, asked, spec)]
    by = {"sources": reading.sources}
    parts += [tidy.word_lines(reading.main.keys, "confirmed", by, confirmation.UNCONFIRMED)]
    if pairs is not None:
        parts += [*_against_raw(pairs, reading, spec)]
    parts += [*_between_lenses(tables, reading, spec)]
    parts += [*_of_the_main_lens(reading, asked, spec)]
    return tidy.joined(parts)


def _of_every_lens(
    everything: pd.DataFrame, reading: Reading, asked: Asked, spec: LensSummariesSpec
) -> Iterator[pd.DataFrame]:
    t, start = reading.t, spec.start_row
    read = last_row.last_row(t)
    yield tidy.number_lines(
        t.keys, "last_row",
        {"kl": read.kl, "p_top1": read.p_top1, "p_answer": read.p_answer,
         "answer_rank": read.answer_rank, "same": read.same, "warn": read.warn},
    )  # fmt: skip
    quartiles, count = milestones.entropy_gaps(t, start)
    named = dict(zip(("low", "median", "high"), quartiles, strict=True))
    yield tidy.number_lines(t.keys, "entropy_gap", {**named, "rows": count})
    for group, crossed in (
        ("surface_to_meaning", surface.surface_to_meaning(t, spec.echo_margin, start)),
        ("geometric_crossover", surface.geometric_crossover(t, spec.crossover_margin, start)),
        ("topk_decay", surface.topk_decay(t, spec.prompt_mass, start)),
    ):
        sides = {"answer": crossed.answer, "prompt": crossed.prompt}
        yield tidy.number_lines(t.keys, group, sides, scan.NEVER)
    last = {item: ids[-1] for item, ids in asked.prompts.items() if len(ids)}
    own = copying.self_decoding(t, last)
    yield tidy.number_lines(t.keys, "row_0", {"self_decoding": own})
    names = {tau: copying.strict_name(tau) for tau in spec.copy.strict}
    words = [
        copying.stability(
            {tau: reading.found[name].row[line] for tau, name in names.items()}, t.last
        )
        for line in range(len(t))
    ]
    yield tidy.word_lines(t.keys, "copy", {"stability": np.array(words, dtype=object)})
    checked = health.numeric_health(everything)
    flagged = checked["first_flagged"].to_numpy(dtype=np.float64, na_value=np.nan)
    yield tidy.number_lines(
        checked[list(KEY)], "numeric_health",
        {name: np.asarray(checked[f"n_{name}"], dtype=np.float64) for name in ("rows", "flagged")},
    )  # fmt: skip
    yield tidy.number_lines(
        checked[list(KEY)], "numeric_health", {"first_flagged": flagged}, scan.NEVER
    )


def _against_raw(
    pairs: pd.DataFrame, reading: Reading, spec: LensSummariesSpec
) -> Iterator[pd.DataFrame]:
    main, start = reading.main, spec.start_row
    p = Trajectories.of(pairs, PAIR_COLUMNS, PLACE).like(main, PLACE)
    full = raw_audit.sweep(p, start)
    yield tidy.number_lines(
        main.keys, "raw_sweep",
        {"share_kl>=1": full.share_high, "share_kl>=0.5": full.share_medium,
         "max_kl": full.max_kl, "norm_only_rows": full.norm_only, "js_low": full.js[0],
         "js_median": full.js[1], "js_high": full.js[2], "l1_low": full.l1[0],
         "l1_median": full.l1[1], "l1_high": full.l1[2], "jaccard_median": full.jaccard,
         "score": full.score, "score_2": full.score_2},
    )  # fmt: skip
    yield tidy.found_lines(
        main.keys, "raw_sweep",
        {"first_norm_only": full.first_norm_only, "first_js<=0.1": full.first_js,
         "first_l1<=0.5": full.first_l1, "first_jaccard>=0.5": full.first_jaccard},
    )  # fmt: skip
    yield tidy.word_lines(main.keys, "raw_sweep", {"tier": full.tier})
    scanned = p.rows >= start
    few = np.isin(p.rows, raw_audit.sampled_rows(p.last)) & scanned
    sampled = raw_audit.view(p, np.tile(few, (len(p), 1)))
    yield from _view("raw_sampled", main.keys, sampled)
    centres = [
        reading.of_main[name].row
        for name in ("rank<=1", "rank<=5", "kl<=1", copying.strict_name(spec.copy.strict[-1]))
        if name in reading.of_main
    ]
    soft = [reading.of_main[copying.soft_name(k, spec.copy.soft)].row for k in spec.copy.windows]
    centres += [np.fmin.reduce(soft)] if soft else []
    reach = raw_audit.radius(full.max_kl, sampled.risk)
    near = raw_audit.window_rows(p.rows, centres, reach) & scanned
    yield from _view("raw_window", main.keys, raw_audit.view(p, near))
    yield tidy.number_lines(main.keys, "raw_window", {"radius": reach})
    yield from _consistency("pairs_consistency", p, reading)


def _view(group: str, keys: pd.DataFrame, view: raw_audit.View) -> Iterator[pd.DataFrame]:
    count = view.norm_only.sum(axis=-1).astype(np.float64)
    numbers = {"rows": view.rows.sum(axis=-1).astype(np.float64), "norm_only_rows": count,
               "max_kl": view.max_kl}  # fmt: skip
    yield tidy.number_lines(keys, group, numbers)
    yield tidy.word_lines(keys, group, {"risk": view.risk})


def _consistency(group: str, p: Trajectories, reading: Reading) -> Iterator[pd.DataFrame]:
    read = consistency.consistency(p, reading.targets())
    numbers = {
        f"{measure} at {name}": values
        for name, each in read.at_targets.items()
        for measure, values in each.items()
    }
    numbers |= {f"{name} median": values for name, values in read.medians.items()}
    yield tidy.number_lines(reading.main.keys, group, numbers | {"low": read.low})


def _between_lenses(
    tables: Mapping[str, pd.DataFrame], reading: Reading, spec: LensSummariesSpec
) -> Iterator[pd.DataFrame]:
    main, start = reading.main, spec.start_row
    for lens in tables:
        if lens == spec.main:
            continue
        other = reading.t.where((reading.t.keys["lens"] == lens).to_numpy())
        both = lens_audit.against(main, other.like(main, PLACE), spec.ranks, spec.kl, start)
        delays = {f"delay of {name}": both.delay(name) for name in both.baseline}
        gains = dict(zip(("gain at 25 %", "gain at 50 %", "gain at 75 %"), both.gain, strict=True))
        yield tidy.number_lines(main.keys, f"{lens} against {spec.main}", delays, scan.NEVER)
        yield tidy.number_lines(main.keys, f"{lens} against {spec.main}", gains)
        if lens not in (*spec.confirm, spec.classical):
            continue
        tops = agreement.compare_tops(tables[spec.main], tables[lens])
        names = [str(name) for name in tops if name not in agreement.MATCH]
        compared = Trajectories.of(tops, names, PLACE).like(main, PLACE)
        if lens == spec.classical:
            point = decoding_point.decoding_point(compared, reading.targets())
            agree = {f"rank-1 agreement at {k}": v for k, v in point.rank1_agree.items()}
            change = {f"rank change at {k}": v for k, v in point.rank_change.items()}
            yield tidy.number_lines(
                main.keys, "decoding_point",
                agree | change | {"jaccard_10": point.overlap, "consistent": point.consistent},
            )  # fmt: skip
        else:
            yield from _consistency(f"{lens}_consistency", compared, reading)


def _of_the_main_lens(
    reading: Reading, asked: Asked, spec: LensSummariesSpec
) -> Iterator[pd.DataFrame]:
    main, rows = reading.main, reading.main.rows
    grown = norms.growth(main, start=spec.start_row)
    yield tidy.number_lines(
        main.keys, "growth", {"slope": grown.slope, "r2": grown.r2, "spikes": grown.spikes}
    )
    yield tidy.word_lines(main.keys, "growth", {"shape": grown.shape})
    semantic = reading.of_main["rank<=1"].row
    gap = scan.at_row(rows, main["answer_logit_gap"], semantic)
    over = scan.at_row(rows, milestones.margin_over_uniform(main, asked.vocabulary), semantic)
    unknown = np.full((len(main), 1, len(gates.SCALES)), np.nan)
    stable = gates.passing(gap[:, None], unknown, asked.vocabulary, least_gap=spec.strong_gap)
    yield tidy.number_lines(
        main.keys, "semantic_gate",
        {"gap": gap, "margin over uniform": over, "scales passing the gap": stable.gap}, scan.NEVER
    )  # fmt: skip
    yield tidy.number_lines(
        main.keys, "semantic_gate", {"scales passing both": stable.both}, NO_LOGITS
    )
    moved = positions.position_stability(main, semantic, asked.deck, spec.moved)
    numbers = {name: moved[name].to_numpy(dtype=np.float64) for name in ("share", "n_variants")}
    yield tidy.number_lines(moved[list(KEY)], "moved_prompts", numbers)
