"""Milestones, gates, last row, wordings of the first prompt against the published ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from published_known_wrong import direct_gates, direct_stability
from published_ledger import (
    fraction_of,
    line_of,
    number_of,
    row_of,
    tail_of,
)
from published_model import ORDER, PRIMARY, QUARTERS, START, Model
from published_tables import inside, soft_flags, strict_flags

from residue.lens.summaries import (
    ablations,
    confirmation,
    controls,
    copying,
    gates,
    last_row,
    lens_audit,
    milestones,
    norms,
    scan,
    surface,
)
from residue.lens.summaries.trajectories import Trajectories


def lens_milestones(
    c: Model, label: str, t: Trajectories, item: str, published: Any, suffix: str
) -> None:
    """All milestones of a lens on one prompt, under the published names."""
    at, ledger = line_of(t, item), c.ledger

    def get(*parts: str) -> Any:
        return inside(published, *parts)

    semantic = milestones.semantic(t, START).row[at]
    strict_names = strict_flags(c.table)
    soft_threshold = float(get("copy_soft_threshold") or 0.5)
    soft_names = soft_flags(c.table, soft_threshold)
    flags = {name: t[name] for name in (*strict_names.values(), *soft_names.values())}
    copy = {
        name: found.row[at] for name, found in copying.copy_milestones(t.rows, flags, START).items()
    }
    first_copy = copy[strict_names[float(get("copy_thresh") or 0.95)]]
    bits = milestones.kl_milestones(t, (0.5, 1.0), START)
    ranks = milestones.rank_milestones(t, (1, 5, 10), START)

    ledger.exact(f"{label}L_copy", row_of(first_copy), get("L_copy"))
    ledger.exact(
        f"{label}L_copy_H",
        row_of(milestones.entropy_collapse(t, 1.0, START).row[at]),
        get("L_copy_H"),
    )
    ledger.exact(f"{label}L_semantic", row_of(semantic), get("L_semantic"))
    ledger.exact(f"{label}delta_layers", row_of(semantic - first_copy), get("delta_layers"))
    for b in (0.5, 1.0):
        name = f"first_kl_below_{b}"
        ledger.exact(f"{label}{name}", row_of(bits[f"kl<={scan.named(b)}"].row[at]), get(name))
    for k in (1, 5, 10):
        name = f"first_rank_le_{k}"
        ledger.exact(f"{label}{name}", row_of(ranks[f"rank<={k}"].row[at]), get(name))
    for k, name in soft_names.items():
        ledger.exact(f"{label}L_copy_soft.{k}", row_of(copy[name]), get("L_copy_soft", str(k)))
        ledger.exact(
            f"{label}delta_layers_soft.{k}",
            row_of(semantic - copy[name]),
            get("delta_layers_soft", str(k)),
        )
    for tau, name in strict_names.items():
        key = scan.named(tau)
        ledger.exact(
            f"{label}copy_thresholds.L_copy_strict.{key}",
            row_of(copy[name]),
            get("copy_thresholds", "L_copy_strict", key),
        )
        ledger.exact(
            f"{label}copy_thresholds.L_copy_strict_frac.{key}",
            fraction_of(copy[name], c.n),
            get("copy_thresholds", "L_copy_strict_frac", key),
        )
    if item == PRIMARY:
        rows = {tau: row_of(copy[name]) for tau, name in strict_names.items()}
        stability(c, label, t, rows, get("copy_thresholds", "stability"))
    quartiles, samples = milestones.entropy_gaps(t, START)
    for name, value in zip(QUARTERS, quartiles[:, at], strict=True):
        ledger.exact(
            f"{label}entropy_gap_bits.{name}",
            number_of(value),
            get("entropy_gap_bits_percentiles", name),
        )
    ledger.exact(f"{label}entropy_gap_samples", int(samples[at]), get("entropy_gap_samples"))
    surfaces(c, label, t, at, get, suffix)
    cosines = milestones.cosine_milestones(t, (0.2, 0.4, 0.6), START)
    for c in (0.2, 0.4, 0.6):
        ledger.exact(
            f"{label}cos_milestones.ge_{c}",
            row_of(cosines[f"cos>={c}"].row[at]),
            get("cos_milestones", suffix, f"ge_{c}"),
        )


def surfaces(c: Model, label: str, t: Trajectories, at: int, get: Any, suffix: str) -> None:
    """Surface to meaning, geometric crossover, decay of the prompt's mass."""
    for name, crossed, sides in (
        ("L_surface_to_meaning", surface.surface_to_meaning(t, start=START),
         ("answer_mass_at_L_surface", "echo_mass_at_L_surface")),
        ("L_geom", surface.geometric_crossover(t, start=START),
         ("cos_to_answer_at_L_geom", "cos_to_prompt_max_at_L_geom")),
        ("L_topk_decay", surface.topk_decay(t, start=START), (None, "topk_prompt_mass_at_L")),
    ):  # fmt: skip
        row = row_of(crossed.found.row[at])
        c.ledger.exact(f"{label}{name}", row, get(f"{name}_{suffix}"))
        for side, values in zip(sides, (crossed.answer, crossed.prompt), strict=True):
            if side is not None:
                published = get(f"{side}_{suffix}")
                c.ledger.exact(f"{label}{side}", number_of(values[at]), published)


def stability(
    c: Model, label: str, t: Trajectories, rows: dict[float, int | None], published: Any
) -> None:
    """How firm the copy row is; the published word never sees the loosest threshold."""
    ours = copying.stability(rows, c.n)
    if label:
        return
    c.ledger.wrong(
        "copy_thresholds.stability",
        ours,
        published,
        direct=direct_stability(c.table, c.n),
        defect=published == "mixed",
    )


def gate_lines(c: Model) -> None:
    """Margins, runs, depth fractions, and the gates that are null in the published file."""
    at, ledger, t = line_of(c.norm, PRIMARY), c.ledger, c.norm
    semantic = c.semantic.row[at]
    row = {name: row_of(found.row[at]) for name, found in c.gates.items()}
    over = scan.at_row(t.rows, milestones.margin_over_uniform(t, c.vocabulary),
                       c.semantic.row)[at]  # fmt: skip
    p_at = scan.at_row(t.rows, t["p_answer"], c.semantic.row)[at]
    ok_at = None if np.isnan(over) else bool(over >= 0.002)
    c.confirmed = c.confirm()
    confirmed = row_of(c.confirmed.found.row[at])
    ledger.exact("L_semantic_margin_ok", row["margin_ok"], c.diagnosed("L_semantic_margin_ok"))
    margin = {
        "p_uniform": 1.0 / c.vocabulary,
        "L_semantic_margin_ok_norm": row["margin_ok"],
        "margin_ok_at_L_semantic_norm": ok_at,
        "p_answer_at_L_semantic_norm": number_of(p_at),
        "L_semantic_confirmed_margin_ok_norm": (
            confirmed if confirmed == row["margin_ok"] else None
        ),
    }
    if not c.confirmable:
        margin.pop("L_semantic_confirmed_margin_ok_norm")
    for name, value in margin.items():
        ledger.exact(f"semantic_margin.{name}", value, c.diagnosed(f"semantic_margin/{name}"))
    c.numbers["semantic_without_margin"] = np.nan if ok_at is None else float(not ok_at)

    gate = "semantic_gate"
    ledger.exact(f"{gate}.L_semantic_run2", row["run2"], c.diagnosed(f"{gate}/L_semantic_run2"))
    run2 = c.gates["run2"].row
    overlap = confirmation.run_overlaps(run2, c.semantic.row)[at]
    ledger.exact(
        f"{gate}.run2_overlaps_confirmed_window",
        None if np.isnan(overlap) else bool(overlap),
        c.diagnosed(f"{gate}/run2_overlaps_confirmed_window"),
    )
    depth = {
        "L_semantic_frac": semantic,
        "first_rank_le_5_frac": milestones.at_most(t, "answer_rank", 5, START).row[at],
        "L_semantic_run2_frac": run2[at],
    }
    for name, value in depth.items():
        ledger.exact(
            f"depth_fractions.{name}",
            fraction_of(value, c.n),
            c.diagnosed(f"depth_fractions/{name}"),
        )

    direct = direct_gates(c.table, c.vocabulary)
    table = c.named
    gap = scan.at_row(t.rows, t["answer_logit_gap"], c.semantic.row)[at]
    c.gap_at_semantic = gap
    wide = milestones.gap_milestones(t, (0.5, 1.0), START)
    for name, ours, key in (
        ("L_semantic_top2_ok_norm", row["top2_ok"], "top2"),
        ("L_semantic_strong", row["strong"], "strong"),
        ("L_semantic_strong_run2", row["strong_run2"], "strong_run2"),
        ("gap_at_L_semantic_norm", number_of(gap), "gap"),
    ):
        dead(c, f"{gate}.{name}", ours, f"{gate}/{name}", direct[key],
                  ... if table is None else getattr(table, key))  # fmt: skip
    for name, key, path in (
        ("top2_ok", "top2", "semantic_gate/L_semantic_top2_ok_norm_frac"),
        ("strong", "strong", "depth_fractions/L_semantic_strong_frac"),
        ("strong_run2", "strong_run2", "depth_fractions/L_semantic_strong_run2_frac"),
    ):
        ours = fraction_of(c.gates[name].row[at], c.n)
        known = None if direct[key] is None else round(direct[key] / c.n, 3)
        dead(c, path.replace("/", "."), ours, path, known)
    for g in (0.5, 1.0):
        ours = row_of(wide[f"gap>={scan.named(g)}"].row[at])
        path = f"answer_margin_thresholds/gap_ge_{g}"
        dead(c, path.replace("/", "."), ours, path, direct[f"gap_ge_{g}"])


def dead(c: Model, name: str, ours: Any, path: str, direct: Any, table: Any = ...) -> None:
    """A gate that is null in the published file, whatever its value."""
    published = c.diagnosed(path)
    c.ledger.wrong(name, ours, published, direct=direct, table=table, defect=published is None)


def confirmed_lines(c: Model) -> None:
    """Confirmed semantics of the first prompt."""
    at, block = line_of(c.norm, PRIMARY), "confirmed_semantics"
    if not c.confirmable:
        c.ledger.skip(block, "a table of a lens that confirms is missing")
        return
    source = {"raw": "raw", "tuned": "tuned", "raw+tuned": "both", "": "none"}
    rows = {"norm": c.semantic.row}
    rows |= {lens: milestones.semantic(t, START).row for lens, t in c.others.items()}
    for lens, row in rows.items():
        name = f"L_semantic_{lens}"
        c.ledger.exact(f"{block}.{name}", row_of(row[at]), c.diagnosed(f"{block}/{name}"))
    confirmed = row_of(c.confirmed.found.row[at])
    name = "L_semantic_confirmed"
    c.ledger.exact(f"{block}.{name}", confirmed, c.diagnosed(f"{block}/{name}"))
    word = source[str(c.confirmed.sources[at])]
    c.ledger.exact(f"{block}.confirmed_source", word, c.diagnosed(f"{block}/confirmed_source"))


def last_lines(c: Model) -> None:
    """The last row, the teacher's entropy, and tempered KL along the depth."""
    at, t, ledger = line_of(c.norm, PRIMARY), c.norm, c.ledger
    read = last_row.last_row(t)
    block = "last_layer_consistency"
    for name, value in (
        ("kl_to_final_bits", read.kl),
        ("p_top1_lens", read.p_top1),
        ("p_answer_lens", read.p_answer),
        ("answer_rank_lens", read.answer_rank),
    ):
        ledger.exact(f"{block}.{name}", number_of(value[at]), c.diagnosed(f"{block}/{name}"))
    after = c.diagnosed(f"{block}/kl_after_temp_bits")
    warn = bool(read.warn[at]) or (
        isinstance(after, float) and float(read.kl[at]) - after >= last_row.WARN
    )
    ledger.exact(f"{block}.warn_high_last_layer_kl", warn,
                 c.diagnosed(f"{block}/warn_high_last_layer_kl"))  # fmt: skip
    c.numbers["last_row_warning"] = float(warn)
    entropy = c.published("final_prediction/entropy")
    ledger.exact("teacher_entropy (within 1e-5)", number_of(t["teacher_entropy"][at, -1]),
                 entropy, 1e-5, absolute=True)  # fmt: skip
    tempered = lens_audit.kl_at(t, "kl_tempered")
    for percent, fraction, value in zip((25, 50, 75), lens_audit.FRACTIONS, tempered[:, at],
                                        strict=True):  # fmt: skip
        path = f"kl_to_final_bits_norm_temp@{percent}%"
        ledger.exact(f"{path}.layer", scan.row_at(c.n, fraction),
                     c.diagnosed(f"{path}/layer"))  # fmt: skip
        ledger.exact(f"{path}.value", number_of(value), c.diagnosed(f"{path}/value"))


def wording_lines(c: Model) -> None:
    """The ablated filler word, and the control prompt."""
    ledger, t = c.ledger, c.norm
    strict = strict_flags(c.table)[0.95]
    copy = copying.copy_milestones(t.rows, {"copy": t[strict]}, START)["copy"]
    lines = [
        t.keys.assign(milestone=name, row=pd.array(found.row, dtype="Float64").astype("Int32"),
                      reason=found.reason)
        for name, found in (("copy", copy), ("sem", c.semantic))
    ]  # fmt: skip
    deck = pd.DataFrame({"item": ORDER})
    deck["style"] = [*(["orig", "no_filler"] * 5), "orig"]
    deck["twin"] = [*(f"{k}/orig" for k in range(5) for _ in range(2)), "control"]
    shifts = ablations.shifts(pd.concat(lines, ignore_index=True), deck)
    first = shifts[shifts["original"] == PRIMARY].set_index("milestone")
    for name in ("copy", "sem"):
        line = first.loc[name]
        for key, column in (("L_{}_orig", "row_original"), ("L_{}_nf", "row_variant"),
                            ("delta_L_{}", "shift")):  # fmt: skip
            value = None if pd.isna(line[column]) else int(line[column])
            path = f"ablation_summary/{key.format(name)}"
            ledger.exact(path.replace("/", "."), value, c.published(path))
    at = line_of(t, "control")
    read = controls.control(t, start=START, margins=t["control_margin"])
    if c.published("control_summary") is None:
        ledger.skip("control_summary", "not published")
        return
    for name, value in (
        ("first_control_margin_pos", row_of(read.positive.row[at])),
        ("max_control_margin", number_of(read.most[at])),
        ("first_control_strong_pos", row_of(read.strong.row[at])),
        ("max_control_top2_logit_gap", number_of(read.largest_gap[at])),
    ):
        ledger.exact(f"control_summary.{name}", value, c.published(f"control_summary/{name}"))


def milestone_file(c: Model) -> None:
    """The small table of four milestones."""
    table = c.files.table("milestones")
    if table is None:
        c.ledger.skip("milestones table", "no milestones table")
        return
    t, at = c.norm, line_of(c.norm, PRIMARY)
    strict = strict_flags(c.table)[0.95]
    soft = soft_flags(c.table, float(c.diagnosed("copy_soft_threshold") or 0.5))
    copy = copying.copy_milestones(
        t.rows, {name: t[name] for name in (strict, *soft.values())}, START
    )
    earliest = np.fmin.reduce([copy[name].row for name in soft.values()])
    rows = [copy[strict].row, earliest, c.semantic.row, c.confirmed.found.row]
    for name, row, line in zip(("strict", "soft", "semantic", "confirmed"), rows,
                               table.to_dict("records"), strict=False):  # fmt: skip
        if name == "confirmed" and not c.confirmable:
            continue
        c.ledger.exact(f"milestones.csv {name}: layer", row_of(row[at]), row_of(line["layer"]))
        if np.isnan(row[at]):
            continue
        for column, ours in (("answer_rank", "answer_rank"), ("p_answer", "p_answer"),
                             ("kl_to_final_bits", "kl_to_final"),
                             ("entropy_bits", "entropy")):  # fmt: skip
            value = scan.at_row(t.rows, t[ours], row)[at]
            c.ledger.exact(f"milestones.csv {name}: {column}", number_of(value),
                              number_of(float(line[column])))  # fmt: skip


def gate_stability_lines(c: Model) -> None:
    """Gap gate under scaled logits, and the growth of the stream."""
    gap = np.array([[c.gap_at_semantic]])
    unknown = np.full((1, 1, len(gates.SCALES)), np.nan)
    read = gates.passing(gap, unknown, c.vocabulary)
    path = "gate_stability_small_scale/per_target/L_semantic_norm/top2_gap_pass_frac"
    published = c.diagnosed(path)
    c.ledger.exact(tail_of(path), number_of(read.gap[0]), published)
    at = line_of(c.norm, PRIMARY)
    spikes = norms.absolute_spikes(
        c.norm.rows,
        c.norm["resid_norm_ratio"],
        c.norm["delta_resid_cos"],
        c.semantic.row,
    )[at]
    block = "norm_trajectory"
    c.ledger.exact(f"{block}.n_spikes", int(spikes), c.diagnosed(f"{block}/n_spikes"))
    c.numbers["norm_spikes"] = float(spikes)
    per_row = c.diagnosed("normalization_provenance/per_layer") or []
    if not per_row or "raw_resid_norm" not in per_row[0]:
        c.ledger.skip(f"{block}.slope and r2", "no raw norms")
        return
    rows = np.array([line["layer"] for line in per_row], dtype=np.int64)
    values = np.log([[line["raw_resid_norm"] for line in per_row]])
    slope, r2 = norms.line_fit(rows, values)
    c.ledger.exact(f"{block}.slope", float(slope[0]), c.diagnosed(f"{block}/slope"))
    c.ledger.exact(f"{block}.r2", float(r2[0]), c.diagnosed(f"{block}/r2"))
    word = str(norms.shape(slope, r2, np.array([spikes]))[0])
    c.ledger.exact(f"{block}.shape", word, c.diagnosed(f"{block}/shape"))
