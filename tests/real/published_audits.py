"""Audits, other lenses, many facts and guidance against the published ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from published_known_wrong import overlap_of
from published_ledger import (
    far,
    line_of,
    number_of,
    places_of,
    row_of,
    same,
    tail_of,
)
from published_milestones import lens_milestones
from published_model import ORDER, PRIMARY, QUARTERS, START, Model
from published_tables import ABSENT, inside, soft_flags, strict_flags

from residue.lens.summaries import (
    copying,
    guidance,
    lens_audit,
    milestones,
    positions,
    raw_audit,
    scan,
    suite,
    surface,
)
from residue.lens.summaries.trajectories import RUN, Trajectories


def raw_lines(c: Model) -> None:
    """The full sweep, the window, and the sampled check."""
    if c.pairs is None:
        return
    ledger, at = c.ledger, line_of(c.pairs, PRIMARY)
    full = raw_audit.sweep(c.pairs, START)
    block = "raw_lens_full"
    scores = f"{block}/score"
    values: dict[str, Any] = {
        f"{block}/pct_layers_kl_ge_1.0": number_of(full.share_high[at]),
        f"{block}/pct_layers_kl_ge_0.5": number_of(full.share_medium[at]),
        f"{block}/n_norm_only_semantics_layers": int(full.norm_only[at]),
        f"{block}/earliest_norm_only_semantic": row_of(full.first_norm_only.row[at]),
        f"{block}/max_kl_norm_vs_raw_bits": number_of(full.max_kl[at]),
        f"{block}/first_js_le_0.1": row_of(full.first_js.row[at]),
        f"{block}/first_l1_le_0.5": row_of(full.first_l1.row[at]),
        f"{block}/topk_overlap/jaccard_raw_norm_p50": number_of(full.jaccard[at]),
        f"{block}/topk_overlap/first_jaccard_raw_norm_ge_0.5": row_of(full.first_jaccard.row[at]),
        f"{scores}/lens_artifact_score": number_of(full.score[at]),
        f"{scores}/lens_artifact_score_v2": number_of(full.score_2[at]),
        f"{scores}/tier": str(full.tier[at]),
    }
    for name, quartiles in (("js_divergence", full.js), ("l1_prob_diff", full.l1)):
        for quarter, value in zip(QUARTERS, quartiles[:, at], strict=True):
            values[f"{block}/{name}_percentiles/{quarter}"] = number_of(value)
    for path, value in values.items():
        ledger.exact(path.replace("/", "."), value, c.diagnosed(path))
    c.numbers["artefact_score"] = float(full.score[at])
    if c.named is not None:
        ledger.exact("table: tier", str(full.tier[at]), c.named.tier)
        ledger.exact("table: s1", round(float(full.score[at]), 3), c.named.score)

    norm_at, t = line_of(c.norm, PRIMARY), c.norm
    columns = (*strict_flags(c.table).values(),)
    soft = soft_flags(c.table, float(c.diagnosed("copy_soft_threshold") or 0.5))
    copy = copying.copy_milestones(
        t.rows, {name: t[name] for name in (*columns, *soft.values())}, START
    )
    earliest = [copy[name].row for name in soft.values()]
    centres = [
        c.semantic.row,
        milestones.at_most(t, "answer_rank", 5, START).row,
        milestones.at_most(t, "kl_to_final", 1.0, START).row,
        copy[strict_flags(c.table)[0.95]].row,
        np.fmin.reduce(earliest) if earliest else np.full(len(t), np.nan),
    ]
    near = raw_audit.window_rows(c.pairs.rows, centres, raw_audit.RADIUS)
    window = raw_audit.view(c.pairs, near[places_of(c.pairs, t)])
    block = "raw_lens_window"
    asked = sorted({int(c[norm_at]) for c in centres if np.isfinite(c[norm_at])})
    rows = c.pairs.rows
    ledger.exact(f"{block}.center_layers", asked, c.diagnosed(f"{block}/center_layers"))
    for name, flags in (("layers_checked", window.rows),
                        ("norm_only_semantics_layers", window.norm_only)):  # fmt: skip
        ours = [int(row) for row in rows[flags[at]]]
        ledger.exact(f"{block}.{name}", ours, c.diagnosed(f"{block}/{name}"))
    name = "max_kl_norm_vs_raw_bits_window"
    ledger.exact(f"{block}.{name}", number_of(window.max_kl[at]), c.diagnosed(f"{block}/{name}"))
    c.numbers["norm_only_rows_in_window"] = float(window.norm_only[at].sum())

    chosen = np.isin(rows, raw_audit.sampled_rows(c.n))
    sampled = raw_audit.view(c.pairs, np.tile(chosen, (len(c.pairs), 1)))
    block = "raw_lens_check/summary"
    for name, value in (
        ("first_norm_only_semantic_layer", row_of(sampled.first_norm_only[at])),
        ("max_kl_norm_vs_raw_bits", number_of(sampled.max_kl[at])),
        ("lens_artifact_risk", str(sampled.risk[at])),
    ):
        ledger.exact(f"raw_lens_check.{name}", value, c.published(f"{block}/{name}"))
    c.numbers["sampled_risk_is_high"] = float(sampled.risk[at] == "high")


def overlap_lines(c: Model) -> None:
    """The overlap columns of the main table, which hold the last fact's values."""
    pairs = c.files.table("pure-next-token-rawlens")
    if c.pairs is None or pairs is None:
        return
    column = "topk_jaccard_raw_norm@50"
    truth = c.diagnosed("raw_lens_full/topk_overlap/per_layer_raw_norm") or {}
    for fact in range(5):
        for variant in ("orig", "no_filler"):
            at = line_of(c.pairs, f"{fact}/{variant}")
            ours = [float(value) for value in c.pairs["jaccard_50"][at]]
            shown = overlap_of(c.table, fact, variant, column)
            last = overlap_of(c.table, 4, variant, column)
            direct = overlap_of(pairs, fact, variant, column)
            first = fact == 0 and variant == "orig" and truth
            c.ledger.wrong(
                f"{column} of fact {fact}, {variant}",
                ours,
                shown,
                direct=[truth[str(row)] for row in c.pairs.rows] if first else direct,
                defect=same(shown, last) and fact < 4,
            )


def against_lines(c: Model, t: Trajectories | None, lens: str, block: str) -> None:
    """A lens against the norm lens on the first prompt."""
    if t is None:
        return
    at = line_of(c.norm, PRIMARY)
    both = lens_audit.against(c.norm, t.like(c.norm, [*RUN, "item"]), start=START)
    for k in (1, 5, 10):
        for side, found in (("baseline", both.baseline), (lens, both.other)):
            path = f"{block}/rank_milestones/{side}/le_{k}"
            ours = row_of(found[f"rank<={k}"].row[at])
            c.ledger.exact(f"{lens}: {tail_of(path)}", ours, c.published(path))
        path = f"{block}/rank_milestones/delta/le_{k}"
        delay = row_of(both.delay(f"rank<={k}")[at])
        c.ledger.exact(f"{lens}: {tail_of(path)}", delay, c.published(path))
    for side, values in (("baseline", both.kl_baseline), (lens, both.kl_other),
                         ("delta", both.gain)):  # fmt: skip
        for quarter, value in zip(QUARTERS, values[:, at], strict=True):
            path = f"{block}/kl_bits_at_percentiles/{side}/{quarter}"
            c.ledger.exact(f"{lens}: {tail_of(path)}", number_of(value), c.published(path))
    for side, row in (
        ("baseline", both.baseline["kl<=1"].row),
        (lens, both.other["kl<=1"].row),
        ("delta", both.delay("kl<=1")),
    ):
        path = f"{block}/first_kl_le_1.0/{side}"
        c.ledger.exact(f"{lens}: {tail_of(path)}", row_of(row[at]), c.published(path))


def tuned_lines(c: Model) -> None:
    """Summaries of the tuned lens on all prompts, and what its gain is made of."""
    if c.tuned is None:
        return
    at, block = line_of(c.norm, PRIMARY), "tuned_lens/attribution"
    summaries = c.published("tuned_lens/summaries") or []
    for item, summary in zip(ORDER, summaries, strict=False):
        lens_milestones(c, f"tuned {item}: ", c.tuned, item, summary, "tuned")
        tuned_gate(c, f"tuned {item}: ", item, summary)
    for family in ("L_surface_to_meaning", "L_geom", "L_topk_decay"):
        path = f"{family}_tuned"
        ours = {
            "L_surface_to_meaning": surface.surface_to_meaning,
            "L_geom": surface.geometric_crossover,
            "L_topk_decay": surface.topk_decay,
        }[family](c.tuned, start=START)
        row = row_of(ours.found.row[line_of(c.tuned, PRIMARY)])
        c.ledger.exact(path, row, c.diagnosed(path))
    both = lens_audit.against(c.norm, c.tuned.like(c.norm, [*RUN, "item"]), start=START)
    tempered = both.kl_baseline - lens_audit.kl_at(c.norm, "kl_tempered")
    rotation = both.gain - tempered
    for name, values in (("ΔKL_tuned", both.gain), ("ΔKL_temp", tempered),
                         ("ΔKL_rot", rotation)):  # fmt: skip
        for quarter, value in zip(QUARTERS, values[:, at], strict=True):
            path = f"{block}/percentiles/{quarter}/{name}"
            c.ledger.exact(f"tuned: {tail_of(path)}", number_of(value), c.published(path))
    # The published rule asks for the smaller of two bounds; ours asks for the larger.
    earlier = min(2, round(0.05 * c.n))
    wanted = lens_audit.preferred(rotation[1], both.delay("rank<=5"), earlier)[at]
    c.ledger.exact("tuned: attribution/prefer_tuned", bool(wanted),
                      c.published(f"{block}/prefer_tuned"))  # fmt: skip


def tuned_gate(c: Model, label: str, item: str, published: Any) -> None:
    """What the tuned summaries hold of the gates: runs, and the answer at the semantic row."""
    t = c.tuned
    assert t is not None
    at, semantic = line_of(t, item), milestones.semantic(t, START).row
    run2 = milestones.gate_milestones(t, c.vocabulary, start=START)["run2"].row[at]
    path = ("semantic_gate", "L_semantic_run2")
    c.ledger.exact(f"{label}{'.'.join(path)}", row_of(run2), inside(published, *path))
    p = scan.at_row(t.rows, t["p_answer"], semantic)[at]
    over = scan.at_row(t.rows, milestones.margin_over_uniform(t, c.vocabulary), semantic)[at]
    for name, value in (
        ("p_answer_at_L_semantic_norm", number_of(p)),
        ("margin_ok_at_L_semantic_norm", None if np.isnan(over) else bool(over >= 0.002)),
    ):
        found = inside(published, "semantic_margin", name)
        c.ledger.exact(f"{label}semantic_margin.{name}", value, found)


def audit_lines(c: Model) -> None:
    """The variants of the tuned lens, and its positions."""
    variants = c.files.table("pure-next-token-tuned-variants")
    block = "tuned_lens/audit_summary"
    if variants is None:
        c.ledger.skip("tuned variants", "no pure-next-token-tuned-variants table")
    else:
        kl = [
            variants[f"kl_bits_{name}"].to_numpy(dtype=float)
            for name in ("baseline", "tuned", "rot_only", "temp_only")
        ]
        split = lens_audit.parts(*kl)
        values = {"delta_kl_interaction_p50": split.interaction,
                  "delta_kl_tuned_p50": split.whole}  # fmt: skip
        for quarter, rot, temp in zip(QUARTERS, split.rotation, split.temperature, strict=True):
            values[f"delta_kl_rot_{quarter}"] = rot
            values[f"delta_kl_temp_{quarter}"] = temp
        for name, value in values.items():
            path = f"{block}/rotation_vs_temperature/{name}"
            c.ledger.exact(f"tuned: {tail_of(path)}", number_of(value), c.published(path))
        calibration = lens_audit.only_calibration(split)
        name = "tuned_is_calibration_only"
        c.ledger.exact(f"tuned: {name}", calibration, c.published(f"{block}/{name}"))
        c.numbers["only_calibration"] = float(calibration)
    places = c.files.table("positions-tuned-audit")
    if places is None:
        c.ledger.skip("positions", "no positions-tuned-audit table")
        return
    inside, outside = lens_audit.by_position(
        places["pos_frac"].to_numpy(dtype=float),
        places["delta_kl_bits_tuned"].to_numpy(dtype=float),
    )
    for name, value in (("pos_in_dist_le_0.92", inside), ("pos_ood_ge_0.96", outside),
                        ("pos_ood_gap", outside - inside)):  # fmt: skip
        path = f"{block}/positional/{name}"
        c.ledger.exact(f"tuned: {tail_of(path)}", number_of(value), c.published(path))
    row = c.semantic.row[line_of(c.norm, PRIMARY)]
    ranks = pd.to_numeric(places.loc[places["layer"] == row, "answer_rank_baseline"])
    # Published: of all positions, also those at which the answer has no rank.
    share = positions.rank1_share(ranks.fillna(np.inf).to_numpy(dtype=float).clip(max=1e9))
    c.ledger.exact("position_window.rank1_frac", number_of(share),
                      c.diagnosed("position_window/rank1_frac"))  # fmt: skip
    c.numbers["position_share"] = share


def suite_lines(c: Model) -> None:
    """Every fact, and the medians over facts."""
    t, ledger = c.norm, c.ledger
    facts = c.diagnosed("micro_suite/facts") or c.published("micro_suite/facts") or []
    lines = [line_of(t, f"{k}/orig") for k in range(5)]
    strict = strict_flags(c.table)[0.95]
    soft = soft_flags(c.table, float(c.diagnosed("copy_soft_threshold") or 0.5))
    copy = copying.copy_milestones(
        t.rows, {name: t[name] for name in (strict, *soft.values())}, START
    )
    softs = np.stack([copy[name].row for name in soft.values()])
    share = suite.delta_hat(c.semantic.row, copy[strict].row, softs, c.n)
    rows = {
        "L_copy_strict": copy[strict].row,
        "L_copy_soft_k1": copy[soft[1]].row,
        "L_semantic_norm": c.semantic.row,
        "L_semantic_margin_ok_norm": c.gates["margin_ok"].row,
    }
    for k, (at, fact) in enumerate(zip(lines, facts, strict=False)):
        for name, found in rows.items():
            ledger.exact(f"fact {k}: {name}", row_of(found[at]), fact.get(name, ABSENT))
        ledger.rounded(f"fact {k}: delta_hat", number_of(share[at]), fact.get("delta_hat", ABSENT))
        semantic = row_of(c.semantic.row[at])
        place = None if semantic is None else 2 * k * (c.n + 1) + semantic
        ledger.exact(f"fact {k}: row_index", place, fact.get("row_index", ABSENT))
        if c.named is not None:
            ledger.exact(f"table: fact {k}", semantic, c.named.facts[k])
        if c.confirmable:
            fact_confirmed(c, k, at, fact.get("L_semantic_confirmed", ABSENT))
    aggregates = c.diagnosed("micro_suite/aggregates") or {}
    spreads = {name: suite.spread(found[lines]) for name, found in rows.items()}
    for name, spread in spreads.items():
        ledger.exact(f"suite: {name}_median", suite.as_row(spread.median),
                     aggregates.get(f"{name}_median", ABSENT))  # fmt: skip
    semantic = spreads["L_semantic_norm"]
    ends = [suite.as_row(semantic.low), suite.as_row(semantic.high)]
    iqr = aggregates.get("L_semantic_norm_iqr", ABSENT)
    ledger.exact("suite: L_semantic_norm_iqr", ends, iqr if iqr is not None else [None, None])
    ledger.exact("suite: n", semantic.n, aggregates.get("n", ABSENT))
    ledger.exact("suite: n_missing", semantic.n_missing, aggregates.get("n_missing", ABSENT))
    middle = suite.spread(share[lines]).median
    ledger.rounded(
        "suite: delta_hat_median", number_of(middle), aggregates.get("delta_hat_median", ABSENT)
    )
    if c.confirmable:
        confirmed = c.confirmed.found.row[lines]
        ours = suite.as_row(suite.spread(confirmed).median)
        known = [value for value in map(row_of, confirmed) if value is not None]
        published = aggregates.get("L_semantic_confirmed_median", ABSENT)
        ledger.wrong(
            "suite: L_semantic_confirmed_median", ours, published,
            direct=None if not known else round(float(np.median(known))),
            defect=published == row_of(confirmed[0]),
        )  # fmt: skip


def fact_confirmed(c: Model, k: int, at: int, published: Any) -> None:
    """Confirmation of one fact; the published file has it for the first fact alone."""
    ours = row_of(c.confirmed.found.row[at])
    if k == 0:
        c.ledger.exact("fact 0: L_semantic_confirmed", ours, published)
        return
    semantic = row_of(c.semantic.row[at])
    near = [] if semantic is None else range(semantic - 2, semantic + 3)
    direct = None
    for t in c.others.values():
        ranks = dict(zip(t.rows.tolist(), t["answer_rank"][at], strict=True))
        if any(ranks.get(row) == 1 for row in near):
            direct = semantic
    c.ledger.wrong(f"fact {k}: L_semantic_confirmed", ours, published, direct=direct,
                      defect=published is None)  # fmt: skip


def guidance_lines(c: Model) -> None:
    """The reasons; findings that no table holds are taken from the published audits."""
    if c.pairs is None:
        c.ledger.skip("measurement_guidance.reasons", "the raw lens is missing")
        return
    flags = c.diagnosed("flags") or {}
    rates = c.diagnosed("gold_alignment_rate")
    determined = c.published("provenance/env/deterministic_algorithms")
    repeats = c.diagnosed("repeatability") or {}
    point = c.diagnosed("decoding_point/gate/decoding_point_consistent")
    audit = c.published("tuned_lens/audit_summary/tuned_is_calibration_only")
    moved = c.diagnosed("position_window/rank1_frac")
    flagged = [
        int(each["layer"] if isinstance(each, dict) else each)
        for each in c.diagnosed("numeric_health/layers_flagged") or []
    ]
    limits = [c.diagnosed(name) for name in ("L_copy", "L_semantic")]
    bounds = [limit for limit in limits if isinstance(limit, int)]
    early = [row for row in flagged if not bounds or any(row <= b for b in bounds)]
    numbers = {
        "repeats_differ": float((repeats.get("max_rank_dev") or 0) > 5
                                or (repeats.get("top1_flip_rate") or 0) > 0.02),
        "forwards_differ": float("repeatability_forward_disagreement" in flags),
        "alignment_rate": float(rates) if isinstance(rates, float | int) else np.nan,
        "kernels_vary": float(determined is False),
        "flagged_rows_before_milestones": float(len(early)),
        "copy_mask_missing": float(c.diagnosed("copy_mask") is ABSENT),
        "copy_mask_error": float("copy_mask_error" in flags),
        "layer_map_missing": float(not c.diagnosed("layer_map")),
        "decoding_point_consistent": float(point) if isinstance(point, bool) else np.nan,
        "low_consistency": float(bool(flags.get("low_lens_consistency_at_semantic"))),
        "only_calibration": float(bool(audit)),
        "position_share": float(moved) if isinstance(moved, float | int) else np.nan,
        "gates_passing": passing_share(c),
    } | c.numbers  # fmt: skip
    guided = guidance.guidance({name: np.array([value]) for name, value in numbers.items()})
    c.ledger.exact(
        "measurement_guidance.reasons",
        guidance.reasons(guided),
        c.published("measurement_guidance/reasons"),
    )


def passing_share(c: Model) -> float:
    share = c.diagnosed("gate_stability_small_scale/min_both_gates_pass_frac")
    return float(share) if isinstance(share, float | int) else np.nan


def identities(c: Model) -> None:
    """Rows that break what must hold on each row, counted: none may."""
    table = c.table
    number = {
        name: pd.to_numeric(table[name]).to_numpy(dtype=float)
        for name in ("answer_rank", "p_answer", "answer_minus_uniform", "p_top5", "answer_mass",
                     "entropy_bits", "cos_to_answer", "cos_to_prompt_max", "prob1", "prob2",
                     "prob3", "prob4", "prob5")
    }  # fmt: skip
    truth = {name: table[name].astype(str).to_numpy() == "True"
             for name in ("is_answer", "entropy_collapse", "geom_crossover")}  # fmt: skip
    top5 = sum(number[f"prob{k}"] for k in range(1, 6))
    crossed = number["cos_to_answer"] >= number["cos_to_prompt_max"] + 0.02
    uniform = number["p_answer"] - 1.0 / c.vocabulary
    for name, broken in (
        ("is_answer is rank 1", truth["is_answer"] != (number["answer_rank"] == 1)),
        ("answer_minus_uniform", far(number["answer_minus_uniform"], uniform)),
        ("p_top5 is the sum of five", far(number["p_top5"], top5)),
        (
            "entropy_collapse is 1 bit",
            truth["entropy_collapse"] != (number["entropy_bits"] <= 1),
        ),
        ("answer_mass is p_answer", far(number["answer_mass"], number["p_answer"])),
        ("geom_crossover", truth["geom_crossover"] != crossed),
    ):
        c.ledger.exact(f"rows that break: {name}", int(np.sum(broken)), 0)
    pairs = c.files.table("pure-next-token-rawlens")
    if c.pairs is not None and pairs is not None:
        alone = int(raw_audit.norm_only(c.pairs).sum())
        shown = int((pairs["norm_only_semantics"].astype(str) == "True").sum())
        c.ledger.exact("norm-only rows of all prompts", alone, shown)
