"""Our lens summaries on lens tables that others published, against their own diagnostics.

    python tests/real/compare_published_lens.py DIR MODEL

Prints one line per quantity: name, ours, published, `agree` | `differs` | `known-wrong`; then the
counts. `known-wrong`: the published value shows the known defect, and ours is the corrected value
by an independent recomputation and, for ten models, by a separate table. Exit 0 when nothing
differs. Published milestones scan from row 0; so does this comparison.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from published_known_wrong import (  # noqa: E402
    direct_gates,
    direct_stability,
    named_gates,
    overlap_of,
)
from published_tables import (  # noqa: E402
    ABSENT,
    PAIR_COLUMNS,
    Published,
    adapted,
    adapted_pairs,
    inside,
    soft_flags,
    strict_flags,
    trajectories,
)

from residue.lens.summaries import (  # noqa: E402
    ablations,
    confirmation,
    controls,
    copying,
    gates,
    guidance,
    last_row,
    lens_audit,
    milestones,
    norms,
    positions,
    raw_audit,
    scan,
    suite,
    surface,
)
from residue.lens.summaries.trajectories import RUN, Trajectories  # noqa: E402

START = 0
RELATIVE = 1e-9
PRIMARY = "0/orig"
ORDER = [f"{k}/{variant}" for k in range(5) for variant in ("orig", "no_filler")] + ["control"]
QUARTERS = ("p25", "p50", "p75")


class Ledger:
    """The lines of the comparison."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def line(self, name: str, ours: Any, published: Any, verdict: str) -> None:
        self.counts[verdict] += 1
        print(f"{name}\t{_shown(ours)}\t{_shown(published)}\t{verdict}")

    def exact(
        self, name: str, ours: Any, published: Any, within: float = RELATIVE, absolute: bool = False
    ) -> None:
        """A quantity that must agree, where it was published."""
        if published is ABSENT:
            self.skip(name, "not published")
            return
        same = _same(ours, published, within, absolute=absolute)
        self.line(name, ours, published, "agree" if same else "differs")

    def rounded(self, name: str, ours: float | None, published: Any) -> None:
        """A quantity that may have been published to three or four decimals."""
        if published is ABSENT:
            self.skip(name, "not published")
            return
        shapes = [ours] if ours is None else [ours, round(ours, 3), round(ours, 4)]
        same = any(_same(shape, published) for shape in shapes)
        self.line(name, ours, published, "agree" if same else "differs")

    def wrong(
        self, name: str, ours: Any, published: Any, *, direct: Any, table: Any = ..., defect: bool
    ) -> None:
        """A quantity that is published wrongly: `defect` says that it shows the known defect.

        direct: the corrected value, recomputed; table: the same from the separate table, `...`
        where it has none. Where the defect happens to change nothing, ours must agree.
        """
        if published is ABSENT:
            self.skip(name, "not published")
            return
        right = _same(ours, direct) and (table is ... or _same(ours, table, 5.1e-4, absolute=True))
        if right and _same(ours, published):
            self.line(name, ours, published, "agree")
        else:
            self.line(name, ours, published, "known-wrong" if right and defect else "differs")

    def skip(self, what: str, why: str) -> None:
        self.counts["skipped"] += 1
        print(f"{what}\t-\t-\tskipped: {why}")


class Comparison:
    """The tables of one model with our summaries of them."""

    def __init__(self, folder: Path, model: str) -> None:
        self.files = Published(folder, model)
        self.ledger = Ledger()
        self.table = self.files.main
        assert self.table is not None
        self.norm = trajectories(adapted(self.table, "norm", model))
        self.n = self.norm.last
        self.vocabulary = int(self.files.get("model_stats/d_vocab"))
        self.named = named_gates(model)
        self.semantic = milestones.semantic(self.norm, START)
        self.gates = milestones.gate_milestones(self.norm, self.vocabulary, start=START)
        self.prism = self.side("pure-next-token-prism", "prism")
        self.tuned = self.side("pure-next-token-tuned", "tuned")
        pairs = self.files.table("pure-next-token-rawlens")
        self.pairs: Trajectories | None = None
        if pairs is None:
            self.ledger.skip("raw against norm", "no pure-next-token-rawlens table")
        else:
            names = [name for name in PAIR_COLUMNS.values() if name != "row"]
            self.pairs = Trajectories.of(adapted_pairs(pairs, model), names)
        self.numbers: dict[str, float] = {}

    def side(self, name: str, lens: str) -> Trajectories | None:
        """A side table in our columns, or None with a note that it is missing."""
        table = self.files.table(name)
        if table is None:
            self.ledger.skip(f"{lens} lens", f"no {name} table")
            return None
        return trajectories(adapted(table, lens, self.files.model))

    def published(self, dotted: str) -> Any:
        return self.files.get(dotted)

    def diagnosed(self, dotted: str) -> Any:
        return self.files.get(f"diagnostics/{dotted}")

    # --- one lens's milestones on one prompt ---

    def lens_milestones(
        self, label: str, t: Trajectories, item: str, published: Any, suffix: str
    ) -> None:
        """All milestones of a lens on one prompt, under the published names."""
        at, ledger = _line(t, item), self.ledger

        def get(*parts: str) -> Any:
            return inside(published, *parts)

        semantic = milestones.semantic(t, START).row[at]
        strict_names = strict_flags(self.table)
        soft_threshold = float(get("copy_soft_threshold") or 0.5)
        soft_names = soft_flags(self.table, soft_threshold)
        flags = {name: t[name] for name in (*strict_names.values(), *soft_names.values())}
        copy = {
            name: found.row[at]
            for name, found in copying.copy_milestones(t.rows, flags, START).items()
        }
        first_copy = copy[strict_names[float(get("copy_thresh") or 0.95)]]
        bits = milestones.kl_milestones(t, (0.5, 1.0), START)
        ranks = milestones.rank_milestones(t, (1, 5, 10), START)

        ledger.exact(f"{label}L_copy", _row(first_copy), get("L_copy"))
        ledger.exact(
            f"{label}L_copy_H",
            _row(milestones.entropy_collapse(t, 1.0, START).row[at]),
            get("L_copy_H"),
        )
        ledger.exact(f"{label}L_semantic", _row(semantic), get("L_semantic"))
        ledger.exact(f"{label}delta_layers", _row(semantic - first_copy), get("delta_layers"))
        for b in (0.5, 1.0):
            name = f"first_kl_below_{b}"
            ledger.exact(f"{label}{name}", _row(bits[f"kl<={scan.named(b)}"].row[at]), get(name))
        for k in (1, 5, 10):
            name = f"first_rank_le_{k}"
            ledger.exact(f"{label}{name}", _row(ranks[f"rank<={k}"].row[at]), get(name))
        for k, name in soft_names.items():
            ledger.exact(f"{label}L_copy_soft.{k}", _row(copy[name]), get("L_copy_soft", str(k)))
            ledger.exact(
                f"{label}delta_layers_soft.{k}",
                _row(semantic - copy[name]),
                get("delta_layers_soft", str(k)),
            )
        for tau, name in strict_names.items():
            key = scan.named(tau)
            ledger.exact(
                f"{label}copy_thresholds.L_copy_strict.{key}",
                _row(copy[name]),
                get("copy_thresholds", "L_copy_strict", key),
            )
            ledger.exact(
                f"{label}copy_thresholds.L_copy_strict_frac.{key}",
                _fraction(copy[name], self.n),
                get("copy_thresholds", "L_copy_strict_frac", key),
            )
        if item == PRIMARY:
            rows = {tau: _row(copy[name]) for tau, name in strict_names.items()}
            self.stability(label, t, rows, get("copy_thresholds", "stability"))
        quartiles, samples = milestones.entropy_gaps(t, START)
        for name, value in zip(QUARTERS, quartiles[:, at], strict=True):
            ledger.exact(
                f"{label}entropy_gap_bits.{name}",
                _number(value),
                get("entropy_gap_bits_percentiles", name),
            )
        ledger.exact(f"{label}entropy_gap_samples", int(samples[at]), get("entropy_gap_samples"))
        self.surfaces(label, t, at, get, suffix)
        cosines = milestones.cosine_milestones(t, (0.2, 0.4, 0.6), START)
        for c in (0.2, 0.4, 0.6):
            ledger.exact(
                f"{label}cos_milestones.ge_{c}",
                _row(cosines[f"cos>={c}"].row[at]),
                get("cos_milestones", suffix, f"ge_{c}"),
            )

    def surfaces(self, label: str, t: Trajectories, at: int, get: Any, suffix: str) -> None:
        """Surface to meaning, geometric crossover, decay of the prompt's mass."""
        for name, crossed, sides in (
            ("L_surface_to_meaning", surface.surface_to_meaning(t, start=START),
             ("answer_mass_at_L_surface", "echo_mass_at_L_surface")),
            ("L_geom", surface.geometric_crossover(t, start=START),
             ("cos_to_answer_at_L_geom", "cos_to_prompt_max_at_L_geom")),
            ("L_topk_decay", surface.topk_decay(t, start=START), (None, "topk_prompt_mass_at_L")),
        ):  # fmt: skip
            row = _row(crossed.found.row[at])
            self.ledger.exact(f"{label}{name}", row, get(f"{name}_{suffix}"))
            for side, values in zip(sides, (crossed.answer, crossed.prompt), strict=True):
                if side is not None:
                    published = get(f"{side}_{suffix}")
                    self.ledger.exact(f"{label}{side}", _number(values[at]), published)

    def stability(
        self, label: str, t: Trajectories, rows: dict[float, int | None], published: Any
    ) -> None:
        """How firm the copy row is; the published word never sees the loosest threshold."""
        ours = copying.stability(rows, self.n)
        if label:
            return
        self.ledger.wrong(
            "copy_thresholds.stability",
            ours,
            published,
            direct=direct_stability(self.table, self.n),
            defect=published == "mixed",
        )

    # --- the first prompt ---

    def gate_lines(self) -> None:
        """Margins, runs, depth fractions, and the gates that are null in the published file."""
        at, ledger, t = _line(self.norm, PRIMARY), self.ledger, self.norm
        semantic = self.semantic.row[at]
        row = {name: _row(found.row[at]) for name, found in self.gates.items()}
        over = scan.at_row(t.rows, milestones.margin_over_uniform(t, self.vocabulary),
                           self.semantic.row)[at]  # fmt: skip
        p_at = scan.at_row(t.rows, t["p_answer"], self.semantic.row)[at]
        ok_at = None if np.isnan(over) else bool(over >= 0.002)
        self.confirmed = self.confirm()
        confirmed = _row(self.confirmed.found.row[at])
        ledger.exact(
            "L_semantic_margin_ok", row["margin_ok"], self.diagnosed("L_semantic_margin_ok")
        )
        margin = {
            "p_uniform": 1.0 / self.vocabulary,
            "L_semantic_margin_ok_norm": row["margin_ok"],
            "margin_ok_at_L_semantic_norm": ok_at,
            "p_answer_at_L_semantic_norm": _number(p_at),
            "L_semantic_confirmed_margin_ok_norm": (
                confirmed if confirmed == row["margin_ok"] else None
            ),
        }
        for name, value in margin.items():
            ledger.exact(
                f"semantic_margin.{name}", value, self.diagnosed(f"semantic_margin/{name}")
            )
        self.numbers["semantic_without_margin"] = np.nan if ok_at is None else float(not ok_at)

        gate = "semantic_gate"
        ledger.exact(
            f"{gate}.L_semantic_run2", row["run2"], self.diagnosed(f"{gate}/L_semantic_run2")
        )
        run2 = self.gates["run2"].row
        overlap = confirmation.run_overlaps(run2, self.semantic.row)[at]
        ledger.exact(
            f"{gate}.run2_overlaps_confirmed_window",
            None if np.isnan(overlap) else bool(overlap),
            self.diagnosed(f"{gate}/run2_overlaps_confirmed_window"),
        )
        depth = {
            "L_semantic_frac": semantic,
            "first_rank_le_5_frac": milestones.at_most(t, "answer_rank", 5, START).row[at],
            "L_semantic_run2_frac": run2[at],
        }
        for name, value in depth.items():
            ledger.exact(
                f"depth_fractions.{name}",
                _fraction(value, self.n),
                self.diagnosed(f"depth_fractions/{name}"),
            )

        direct = direct_gates(self.table, self.vocabulary)
        table = self.named
        gap = scan.at_row(t.rows, t["answer_logit_gap"], self.semantic.row)[at]
        self.gap_at_semantic = gap
        wide = milestones.gap_milestones(t, (0.5, 1.0), START)
        for name, ours, key in (
            ("L_semantic_top2_ok_norm", row["top2_ok"], "top2"),
            ("L_semantic_strong", row["strong"], "strong"),
            ("L_semantic_strong_run2", row["strong_run2"], "strong_run2"),
            ("gap_at_L_semantic_norm", _number(gap), "gap"),
        ):
            self.dead(f"{gate}.{name}", ours, f"{gate}/{name}", direct[key],
                      ... if table is None else getattr(table, key))  # fmt: skip
        for name, key, path in (
            ("top2_ok", "top2", "semantic_gate/L_semantic_top2_ok_norm_frac"),
            ("strong", "strong", "depth_fractions/L_semantic_strong_frac"),
            ("strong_run2", "strong_run2", "depth_fractions/L_semantic_strong_run2_frac"),
        ):
            ours = _fraction(self.gates[name].row[at], self.n)
            known = None if direct[key] is None else round(direct[key] / self.n, 3)
            self.dead(path.replace("/", "."), ours, path, known)
        for g in (0.5, 1.0):
            ours = _row(wide[f"gap>={scan.named(g)}"].row[at])
            path = f"answer_margin_thresholds/gap_ge_{g}"
            self.dead(path.replace("/", "."), ours, path, direct[f"gap_ge_{g}"])

    def dead(self, name: str, ours: Any, path: str, direct: Any, table: Any = ...) -> None:
        """A gate that is null in the published file, whatever its value."""
        published = self.diagnosed(path)
        self.ledger.wrong(
            name, ours, published, direct=direct, table=table, defect=published is None
        )

    def confirm(self) -> confirmation.Confirmation:
        """Confirmed semantics of all prompts, by the raw and tuned lenses where published."""
        others: dict[str, Trajectories] = {}
        key = [*RUN, "item"]
        if self.pairs is not None:
            raw = Trajectories(self.pairs.keys, self.pairs.rows,
                               {"answer_rank": self.pairs["rank_raw"]})  # fmt: skip
            others["raw"] = raw.like(self.norm, key)
        if self.tuned is not None:
            others["tuned"] = self.tuned.like(self.norm, key)
        self.others = others
        return confirmation.confirm(self.semantic, others, 2, START)

    def confirmed_lines(self) -> None:
        """Confirmed semantics of the first prompt."""
        at, block = _line(self.norm, PRIMARY), "confirmed_semantics"
        if self.pairs is None:
            self.ledger.skip(block, "the raw lens is missing")
            return
        source = {"raw": "raw", "tuned": "tuned", "raw+tuned": "both", "": "none"}
        rows = {"norm": self.semantic.row}
        rows |= {lens: milestones.semantic(t, START).row for lens, t in self.others.items()}
        for lens, row in rows.items():
            name = f"L_semantic_{lens}"
            self.ledger.exact(f"{block}.{name}", _row(row[at]), self.diagnosed(f"{block}/{name}"))
        confirmed = _row(self.confirmed.found.row[at])
        name = "L_semantic_confirmed"
        self.ledger.exact(f"{block}.{name}", confirmed, self.diagnosed(f"{block}/{name}"))
        word = source[str(self.confirmed.sources[at])]
        self.ledger.exact(
            f"{block}.confirmed_source", word, self.diagnosed(f"{block}/confirmed_source")
        )

    def last_lines(self) -> None:
        """The last row, the teacher's entropy, and tempered KL along the depth."""
        at, t, ledger = _line(self.norm, PRIMARY), self.norm, self.ledger
        read = last_row.last_row(t)
        block = "last_layer_consistency"
        for name, value in (
            ("kl_to_final_bits", read.kl),
            ("p_top1_lens", read.p_top1),
            ("p_answer_lens", read.p_answer),
            ("answer_rank_lens", read.answer_rank),
        ):
            ledger.exact(f"{block}.{name}", _number(value[at]), self.diagnosed(f"{block}/{name}"))
        after = self.diagnosed(f"{block}/kl_after_temp_bits")
        warn = bool(read.warn[at]) or (
            isinstance(after, float) and float(read.kl[at]) - after >= last_row.WARN
        )
        ledger.exact(f"{block}.warn_high_last_layer_kl", warn,
                     self.diagnosed(f"{block}/warn_high_last_layer_kl"))  # fmt: skip
        self.numbers["last_row_warning"] = float(warn)
        entropy = self.published("final_prediction/entropy")
        ledger.exact("teacher_entropy (within 1e-5)", _number(t["teacher_entropy"][at, -1]),
                     entropy, 1e-5, absolute=True)  # fmt: skip
        tempered = lens_audit.kl_at(t, "kl_tempered")
        for percent, fraction, value in zip((25, 50, 75), lens_audit.FRACTIONS, tempered[:, at],
                                            strict=True):  # fmt: skip
            path = f"kl_to_final_bits_norm_temp@{percent}%"
            ledger.exact(f"{path}.layer", scan.row_at(self.n, fraction),
                         self.diagnosed(f"{path}/layer"))  # fmt: skip
            ledger.exact(f"{path}.value", _number(value), self.diagnosed(f"{path}/value"))

    def wording_lines(self) -> None:
        """The ablated filler word, and the control prompt."""
        ledger, t = self.ledger, self.norm
        strict = strict_flags(self.table)[0.95]
        copy = copying.copy_milestones(t.rows, {"copy": t[strict]}, START)["copy"]
        lines = [
            t.keys.assign(milestone=name, row=pd.array(found.row, dtype="Float64").astype("Int32"),
                          reason=found.reason)
            for name, found in (("copy", copy), ("sem", self.semantic))
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
                ledger.exact(path.replace("/", "."), value, self.published(path))
        at = _line(t, "control")
        read = controls.control(t, start=START, margins=t["control_margin"])
        if self.published("control_summary") is None:
            ledger.skip("control_summary", "not published")
            return
        for name, value in (
            ("first_control_margin_pos", _row(read.positive.row[at])),
            ("max_control_margin", _number(read.most[at])),
            ("first_control_strong_pos", _row(read.strong.row[at])),
            ("max_control_top2_logit_gap", _number(read.largest_gap[at])),
        ):
            ledger.exact(
                f"control_summary.{name}", value, self.published(f"control_summary/{name}")
            )

    # --- raw against norm ---

    def raw_lines(self) -> None:
        """The full sweep, the window, and the sampled check."""
        if self.pairs is None:
            return
        ledger, at = self.ledger, _line(self.pairs, PRIMARY)
        full = raw_audit.sweep(self.pairs, START)
        block = "raw_lens_full"
        scores = f"{block}/score"
        values: dict[str, Any] = {
            f"{block}/pct_layers_kl_ge_1.0": _number(full.share_high[at]),
            f"{block}/pct_layers_kl_ge_0.5": _number(full.share_medium[at]),
            f"{block}/n_norm_only_semantics_layers": int(full.norm_only[at]),
            f"{block}/earliest_norm_only_semantic": _row(full.first_norm_only.row[at]),
            f"{block}/max_kl_norm_vs_raw_bits": _number(full.max_kl[at]),
            f"{block}/first_js_le_0.1": _row(full.first_js.row[at]),
            f"{block}/first_l1_le_0.5": _row(full.first_l1.row[at]),
            f"{block}/topk_overlap/jaccard_raw_norm_p50": _number(full.jaccard[at]),
            f"{block}/topk_overlap/first_jaccard_raw_norm_ge_0.5": _row(full.first_jaccard.row[at]),
            f"{scores}/lens_artifact_score": _number(full.score[at]),
            f"{scores}/lens_artifact_score_v2": _number(full.score_2[at]),
            f"{scores}/tier": str(full.tier[at]),
        }
        for name, quartiles in (("js_divergence", full.js), ("l1_prob_diff", full.l1)):
            for quarter, value in zip(QUARTERS, quartiles[:, at], strict=True):
                values[f"{block}/{name}_percentiles/{quarter}"] = _number(value)
        for path, value in values.items():
            ledger.exact(path.replace("/", "."), value, self.diagnosed(path))
        self.numbers["artefact_score"] = float(full.score[at])
        if self.named is not None:
            ledger.exact("table: tier", str(full.tier[at]), self.named.tier)
            ledger.exact("table: s1", round(float(full.score[at]), 3), self.named.score)

        norm_at, t = _line(self.norm, PRIMARY), self.norm
        columns = (*strict_flags(self.table).values(),)
        soft = soft_flags(self.table, float(self.diagnosed("copy_soft_threshold") or 0.5))
        copy = copying.copy_milestones(
            t.rows, {name: t[name] for name in (*columns, *soft.values())}, START
        )
        earliest = [copy[name].row for name in soft.values()]
        centres = [
            self.semantic.row,
            milestones.at_most(t, "answer_rank", 5, START).row,
            milestones.at_most(t, "kl_to_final", 1.0, START).row,
            copy[strict_flags(self.table)[0.95]].row,
            np.fmin.reduce(earliest) if earliest else np.full(len(t), np.nan),
        ]
        near = raw_audit.window_rows(self.pairs.rows, centres, raw_audit.RADIUS)
        window = raw_audit.view(self.pairs, near[_match(self.pairs, t)])
        block = "raw_lens_window"
        asked = sorted({int(c[norm_at]) for c in centres if np.isfinite(c[norm_at])})
        rows = self.pairs.rows
        ledger.exact(f"{block}.center_layers", asked, self.diagnosed(f"{block}/center_layers"))
        for name, flags in (("layers_checked", window.rows),
                            ("norm_only_semantics_layers", window.norm_only)):  # fmt: skip
            ours = [int(row) for row in rows[flags[at]]]
            ledger.exact(f"{block}.{name}", ours, self.diagnosed(f"{block}/{name}"))
        name = "max_kl_norm_vs_raw_bits_window"
        ledger.exact(
            f"{block}.{name}", _number(window.max_kl[at]), self.diagnosed(f"{block}/{name}")
        )
        self.numbers["norm_only_rows_in_window"] = float(window.norm_only[at].sum())

        chosen = np.isin(rows, raw_audit.sampled_rows(self.n))
        sampled = raw_audit.view(self.pairs, np.tile(chosen, (len(self.pairs), 1)))
        block = "raw_lens_check/summary"
        for name, value in (
            ("first_norm_only_semantic_layer", _row(sampled.first_norm_only[at])),
            ("max_kl_norm_vs_raw_bits", _number(sampled.max_kl[at])),
            ("lens_artifact_risk", str(sampled.risk[at])),
        ):
            ledger.exact(f"raw_lens_check.{name}", value, self.published(f"{block}/{name}"))
        self.numbers["sampled_risk_is_high"] = float(sampled.risk[at] == "high")

    def overlap_lines(self) -> None:
        """The overlap columns of the main table, which hold the last fact's values."""
        pairs = self.files.table("pure-next-token-rawlens")
        if self.pairs is None or pairs is None:
            return
        column = "topk_jaccard_raw_norm@50"
        truth = self.diagnosed("raw_lens_full/topk_overlap/per_layer_raw_norm") or {}
        for fact in range(5):
            for variant in ("orig", "no_filler"):
                at = _line(self.pairs, f"{fact}/{variant}")
                ours = [float(value) for value in self.pairs["jaccard_50"][at]]
                shown = overlap_of(self.table, fact, variant, column)
                last = overlap_of(self.table, 4, variant, column)
                direct = overlap_of(pairs, fact, variant, column)
                first = fact == 0 and variant == "orig" and truth
                self.ledger.wrong(
                    f"{column} of fact {fact}, {variant}",
                    ours,
                    shown,
                    direct=[truth[str(row)] for row in self.pairs.rows] if first else direct,
                    defect=_same(shown, last) and fact < 4,
                )

    # --- other lenses ---

    def against_lines(self, t: Trajectories | None, lens: str, block: str) -> None:
        """A lens against the norm lens on the first prompt."""
        if t is None:
            return
        at = _line(self.norm, PRIMARY)
        both = lens_audit.against(self.norm, t.like(self.norm, [*RUN, "item"]), start=START)
        for k in (1, 5, 10):
            for side, found in (("baseline", both.baseline), (lens, both.other)):
                path = f"{block}/rank_milestones/{side}/le_{k}"
                ours = _row(found[f"rank<={k}"].row[at])
                self.ledger.exact(f"{lens}: {_tail(path)}", ours, self.published(path))
            path = f"{block}/rank_milestones/delta/le_{k}"
            delay = _row(both.delay(f"rank<={k}")[at])
            self.ledger.exact(f"{lens}: {_tail(path)}", delay, self.published(path))
        for side, values in (("baseline", both.kl_baseline), (lens, both.kl_other),
                             ("delta", both.gain)):  # fmt: skip
            for quarter, value in zip(QUARTERS, values[:, at], strict=True):
                path = f"{block}/kl_bits_at_percentiles/{side}/{quarter}"
                self.ledger.exact(f"{lens}: {_tail(path)}", _number(value), self.published(path))
        for side, row in (
            ("baseline", both.baseline["kl<=1"].row),
            (lens, both.other["kl<=1"].row),
            ("delta", both.delay("kl<=1")),
        ):
            path = f"{block}/first_kl_le_1.0/{side}"
            self.ledger.exact(f"{lens}: {_tail(path)}", _row(row[at]), self.published(path))

    def tuned_lines(self) -> None:
        """Summaries of the tuned lens on all prompts, and what its gain is made of."""
        if self.tuned is None:
            return
        at, block = _line(self.norm, PRIMARY), "tuned_lens/attribution"
        summaries = self.published("tuned_lens/summaries") or []
        for item, summary in zip(ORDER, summaries, strict=False):
            self.lens_milestones(f"tuned {item}: ", self.tuned, item, summary, "tuned")
            self.tuned_gate(f"tuned {item}: ", item, summary)
        for family in ("L_surface_to_meaning", "L_geom", "L_topk_decay"):
            path = f"{family}_tuned"
            ours = {
                "L_surface_to_meaning": surface.surface_to_meaning,
                "L_geom": surface.geometric_crossover,
                "L_topk_decay": surface.topk_decay,
            }[family](self.tuned, start=START)
            row = _row(ours.found.row[_line(self.tuned, PRIMARY)])
            self.ledger.exact(path, row, self.diagnosed(path))
        both = lens_audit.against(
            self.norm, self.tuned.like(self.norm, [*RUN, "item"]), start=START
        )
        tempered = both.kl_baseline - lens_audit.kl_at(self.norm, "kl_tempered")
        rotation = both.gain - tempered
        for name, values in (("ΔKL_tuned", both.gain), ("ΔKL_temp", tempered),
                             ("ΔKL_rot", rotation)):  # fmt: skip
            for quarter, value in zip(QUARTERS, values[:, at], strict=True):
                path = f"{block}/percentiles/{quarter}/{name}"
                self.ledger.exact(f"tuned: {_tail(path)}", _number(value), self.published(path))
        # The published rule asks for the smaller of two bounds; ours asks for the larger.
        earlier = min(2, round(0.05 * self.n))
        wanted = lens_audit.preferred(rotation[1], both.delay("rank<=5"), earlier)[at]
        self.ledger.exact("tuned: attribution/prefer_tuned", bool(wanted),
                          self.published(f"{block}/prefer_tuned"))  # fmt: skip

    def tuned_gate(self, label: str, item: str, published: Any) -> None:
        """What the tuned summaries hold of the gates: runs, and the answer at the semantic row."""
        t = self.tuned
        assert t is not None
        at, semantic = _line(t, item), milestones.semantic(t, START).row
        run2 = milestones.gate_milestones(t, self.vocabulary, start=START)["run2"].row[at]
        path = ("semantic_gate", "L_semantic_run2")
        self.ledger.exact(f"{label}{'.'.join(path)}", _row(run2), inside(published, *path))
        p = scan.at_row(t.rows, t["p_answer"], semantic)[at]
        over = scan.at_row(t.rows, milestones.margin_over_uniform(t, self.vocabulary), semantic)[at]
        for name, value in (
            ("p_answer_at_L_semantic_norm", _number(p)),
            ("margin_ok_at_L_semantic_norm", None if np.isnan(over) else bool(over >= 0.002)),
        ):
            found = inside(published, "semantic_margin", name)
            self.ledger.exact(f"{label}semantic_margin.{name}", value, found)

    def audit_lines(self) -> None:
        """The variants of the tuned lens, and its positions."""
        variants = self.files.table("pure-next-token-tuned-variants")
        block = "tuned_lens/audit_summary"
        if variants is None:
            self.ledger.skip("tuned variants", "no pure-next-token-tuned-variants table")
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
                self.ledger.exact(f"tuned: {_tail(path)}", _number(value), self.published(path))
            calibration = lens_audit.only_calibration(split)
            name = "tuned_is_calibration_only"
            self.ledger.exact(f"tuned: {name}", calibration, self.published(f"{block}/{name}"))
            self.numbers["only_calibration"] = float(calibration)
        places = self.files.table("positions-tuned-audit")
        if places is None:
            self.ledger.skip("positions", "no positions-tuned-audit table")
            return
        inside, outside = lens_audit.by_position(
            places["pos_frac"].to_numpy(dtype=float),
            places["delta_kl_bits_tuned"].to_numpy(dtype=float),
        )
        for name, value in (("pos_in_dist_le_0.92", inside), ("pos_ood_ge_0.96", outside),
                            ("pos_ood_gap", outside - inside)):  # fmt: skip
            path = f"{block}/positional/{name}"
            self.ledger.exact(f"tuned: {_tail(path)}", _number(value), self.published(path))
        row = self.semantic.row[_line(self.norm, PRIMARY)]
        ranks = pd.to_numeric(places.loc[places["layer"] == row, "answer_rank_baseline"])
        # Published: of all positions, also those at which the answer has no rank.
        share = positions.rank1_share(ranks.fillna(np.inf).to_numpy(dtype=float).clip(max=1e9))
        self.ledger.exact("position_window.rank1_frac", _number(share),
                          self.diagnosed("position_window/rank1_frac"))  # fmt: skip
        self.numbers["position_share"] = share

    # --- many facts, gates, guidance ---

    def suite_lines(self) -> None:
        """Every fact, and the medians over facts."""
        t, ledger = self.norm, self.ledger
        facts = self.diagnosed("micro_suite/facts") or self.published("micro_suite/facts") or []
        lines = [_line(t, f"{k}/orig") for k in range(5)]
        strict = strict_flags(self.table)[0.95]
        soft = soft_flags(self.table, float(self.diagnosed("copy_soft_threshold") or 0.5))
        copy = copying.copy_milestones(
            t.rows, {name: t[name] for name in (strict, *soft.values())}, START
        )
        softs = np.stack([copy[name].row for name in soft.values()])
        share = suite.delta_hat(self.semantic.row, copy[strict].row, softs, self.n)
        rows = {
            "L_copy_strict": copy[strict].row,
            "L_copy_soft_k1": copy[soft[1]].row,
            "L_semantic_norm": self.semantic.row,
            "L_semantic_margin_ok_norm": self.gates["margin_ok"].row,
        }
        for k, (at, fact) in enumerate(zip(lines, facts, strict=False)):
            for name, found in rows.items():
                ledger.exact(f"fact {k}: {name}", _row(found[at]), fact.get(name, ABSENT))
            ledger.rounded(
                f"fact {k}: delta_hat", _number(share[at]), fact.get("delta_hat", ABSENT)
            )
            semantic = _row(self.semantic.row[at])
            place = None if semantic is None else 2 * k * (self.n + 1) + semantic
            ledger.exact(f"fact {k}: row_index", place, fact.get("row_index", ABSENT))
            if self.named is not None:
                ledger.exact(f"table: fact {k}", semantic, self.named.facts[k])
            if self.pairs is not None:
                self.fact_confirmed(k, at, fact.get("L_semantic_confirmed", ABSENT))
        aggregates = self.diagnosed("micro_suite/aggregates") or {}
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
            "suite: delta_hat_median", _number(middle), aggregates.get("delta_hat_median", ABSENT)
        )
        if self.pairs is not None:
            confirmed = self.confirmed.found.row[lines]
            ours = suite.as_row(suite.spread(confirmed).median)
            known = [value for value in map(_row, confirmed) if value is not None]
            published = aggregates.get("L_semantic_confirmed_median", ABSENT)
            ledger.wrong(
                "suite: L_semantic_confirmed_median", ours, published,
                direct=None if not known else round(float(np.median(known))),
                defect=published == _row(confirmed[0]),
            )  # fmt: skip

    def fact_confirmed(self, k: int, at: int, published: Any) -> None:
        """Confirmation of one fact; the published file has it for the first fact alone."""
        ours = _row(self.confirmed.found.row[at])
        if k == 0:
            self.ledger.exact("fact 0: L_semantic_confirmed", ours, published)
            return
        semantic = _row(self.semantic.row[at])
        near = [] if semantic is None else range(semantic - 2, semantic + 3)
        direct = None
        for t in self.others.values():
            ranks = dict(zip(t.rows.tolist(), t["answer_rank"][at], strict=True))
            if any(ranks.get(row) == 1 for row in near):
                direct = semantic
        self.ledger.wrong(f"fact {k}: L_semantic_confirmed", ours, published, direct=direct,
                          defect=published is None)  # fmt: skip

    def milestone_file(self) -> None:
        """The small table of four milestones."""
        table = self.files.table("milestones")
        if table is None:
            self.ledger.skip("milestones table", "no milestones table")
            return
        t, at = self.norm, _line(self.norm, PRIMARY)
        strict = strict_flags(self.table)[0.95]
        soft = soft_flags(self.table, float(self.diagnosed("copy_soft_threshold") or 0.5))
        copy = copying.copy_milestones(
            t.rows, {name: t[name] for name in (strict, *soft.values())}, START
        )
        earliest = np.fmin.reduce([copy[name].row for name in soft.values()])
        rows = [copy[strict].row, earliest, self.semantic.row, self.confirmed.found.row]
        for name, row, line in zip(("strict", "soft", "semantic", "confirmed"), rows,
                                   table.to_dict("records"), strict=False):  # fmt: skip
            if name == "confirmed" and self.pairs is None:
                continue
            self.ledger.exact(f"milestones.csv {name}: layer", _row(row[at]), _row(line["layer"]))
            if np.isnan(row[at]):
                continue
            for column, ours in (("answer_rank", "answer_rank"), ("p_answer", "p_answer"),
                                 ("kl_to_final_bits", "kl_to_final"),
                                 ("entropy_bits", "entropy")):  # fmt: skip
                value = scan.at_row(t.rows, t[ours], row)[at]
                self.ledger.exact(f"milestones.csv {name}: {column}", _number(value),
                                  _number(float(line[column])))  # fmt: skip

    def gate_stability_lines(self) -> None:
        """Gap gate under scaled logits, and the growth of the stream."""
        gap = np.array([[self.gap_at_semantic]])
        unknown = np.full((1, 1, len(gates.SCALES)), np.nan)
        read = gates.passing(gap, unknown, self.vocabulary)
        path = "gate_stability_small_scale/per_target/L_semantic_norm/top2_gap_pass_frac"
        published = self.diagnosed(path)
        self.ledger.exact(_tail(path), _number(read.gap[0]), published)
        at = _line(self.norm, PRIMARY)
        spikes = norms.absolute_spikes(
            self.norm.rows,
            self.norm["resid_norm_ratio"],
            self.norm["delta_resid_cos"],
            self.semantic.row,
        )[at]
        block = "norm_trajectory"
        self.ledger.exact(f"{block}.n_spikes", int(spikes), self.diagnosed(f"{block}/n_spikes"))
        self.numbers["norm_spikes"] = float(spikes)
        per_row = self.diagnosed("normalization_provenance/per_layer") or []
        if not per_row or "raw_resid_norm" not in per_row[0]:
            self.ledger.skip(f"{block}.slope and r2", "no raw norms")
            return
        rows = np.array([line["layer"] for line in per_row], dtype=np.int64)
        values = np.log([[line["raw_resid_norm"] for line in per_row]])
        slope, r2 = norms.line_fit(rows, values)
        self.ledger.exact(f"{block}.slope", float(slope[0]), self.diagnosed(f"{block}/slope"))
        self.ledger.exact(f"{block}.r2", float(r2[0]), self.diagnosed(f"{block}/r2"))
        word = str(norms.shape(slope, r2, np.array([spikes]))[0])
        self.ledger.exact(f"{block}.shape", word, self.diagnosed(f"{block}/shape"))

    def guidance_lines(self) -> None:
        """The reasons; findings that no table holds are taken from the published audits."""
        if self.pairs is None:
            self.ledger.skip("measurement_guidance.reasons", "the raw lens is missing")
            return
        flags = self.diagnosed("flags") or {}
        rates = self.diagnosed("gold_alignment_rate")
        determined = self.published("provenance/env/deterministic_algorithms")
        repeats = self.diagnosed("repeatability") or {}
        point = self.diagnosed("decoding_point/gate/decoding_point_consistent")
        audit = self.published("tuned_lens/audit_summary/tuned_is_calibration_only")
        flagged = [
            int(each["layer"] if isinstance(each, dict) else each)
            for each in self.diagnosed("numeric_health/layers_flagged") or []
        ]
        limits = [self.diagnosed(name) for name in ("L_copy", "L_semantic")]
        bounds = [limit for limit in limits if isinstance(limit, int)]
        early = [row for row in flagged if not bounds or any(row <= b for b in bounds)]
        numbers = {
            "repeats_differ": float((repeats.get("max_rank_dev") or 0) > 5
                                    or (repeats.get("top1_flip_rate") or 0) > 0.02),
            "forwards_differ": float("repeatability_forward_disagreement" in flags),
            "alignment_rate": float(rates) if isinstance(rates, float | int) else np.nan,
            "kernels_vary": float(determined is False),
            "flagged_rows_before_milestones": float(len(early)),
            "copy_mask_missing": float(self.diagnosed("copy_mask") is ABSENT),
            "copy_mask_error": float("copy_mask_error" in flags),
            "layer_map_missing": float(not self.diagnosed("layer_map")),
            "decoding_point_consistent": float(point) if isinstance(point, bool) else np.nan,
            "low_consistency": float(bool(flags.get("low_lens_consistency_at_semantic"))),
            "only_calibration": float(bool(audit)),
            "gates_passing": self.passing_share(),
        } | self.numbers  # fmt: skip
        guided = guidance.guidance({name: np.array([value]) for name, value in numbers.items()})
        self.ledger.exact(
            "measurement_guidance.reasons",
            guidance.reasons(guided),
            self.published("measurement_guidance/reasons"),
        )

    def passing_share(self) -> float:
        share = self.diagnosed("gate_stability_small_scale/min_both_gates_pass_frac")
        return float(share) if isinstance(share, float | int) else np.nan

    def identities(self) -> None:
        """Rows that break what must hold on each row, counted: none may."""
        table = self.table
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
        uniform = number["p_answer"] - 1.0 / self.vocabulary
        for name, broken in (
            ("is_answer is rank 1", truth["is_answer"] != (number["answer_rank"] == 1)),
            ("answer_minus_uniform", _far(number["answer_minus_uniform"], uniform)),
            ("p_top5 is the sum of five", _far(number["p_top5"], top5)),
            (
                "entropy_collapse is 1 bit",
                truth["entropy_collapse"] != (number["entropy_bits"] <= 1),
            ),
            ("answer_mass is p_answer", _far(number["answer_mass"], number["p_answer"])),
            ("geom_crossover", truth["geom_crossover"] != crossed),
        ):
            self.ledger.exact(f"rows that break: {name}", int(np.sum(broken)), 0)
        pairs = self.files.table("pure-next-token-rawlens")
        if self.pairs is not None and pairs is not None:
            alone = int(raw_audit.norm_only(self.pairs).sum())
            shown = int((pairs["norm_only_semantics"].astype(str) == "True").sum())
            self.ledger.exact("norm-only rows of all prompts", alone, shown)

    def run(self) -> Counter[str]:
        """Print every line; the counts."""
        self.lens_milestones("", self.norm, PRIMARY, self.files.json["diagnostics"], "norm")
        self.gate_lines()
        self.confirmed_lines()
        self.last_lines()
        self.wording_lines()
        self.raw_lines()
        self.overlap_lines()
        self.against_lines(self.prism, "prism", "diagnostics/prism_summary/metrics")
        self.against_lines(self.tuned, "tuned", "tuned_lens/summary/metrics")
        self.tuned_lines()
        self.audit_lines()
        self.suite_lines()
        self.milestone_file()
        self.gate_stability_lines()
        self.guidance_lines()
        self.identities()
        return self.ledger.counts


def _line(t: Trajectories, item: str) -> int:
    return int(np.flatnonzero(t.keys["item"] == item)[0])


def _match(these: Trajectories, those: Trajectories) -> np.ndarray:
    """Where the prompts of `these` stand among `those`."""
    return pd.Index(those.keys["item"]).get_indexer(pd.Index(these.keys["item"]))


def _row(value: Any) -> int | None:
    return None if value is None or np.isnan(value) else int(value)


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _fraction(row: float, n: int) -> float | None:
    return None if np.isnan(row) else round(float(row) / n, 3)


def _far(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return ~np.isclose(first, second, rtol=0, atol=1e-6, equal_nan=True)


def _tail(path: str) -> str:
    return path.split("/", 2)[-1]


def _same(ours: Any, published: Any, within: float = RELATIVE, *, absolute: bool = False) -> bool:
    if ours is None or published is None or isinstance(ours, str | bool | np.bool_):
        return ours is published or (ours is not None and ours == published)
    if isinstance(ours, list | tuple):
        if not isinstance(published, list | tuple) or len(ours) != len(published):
            return False
        return all(_same(*pair, within) for pair in zip(ours, published, strict=True))
    if isinstance(published, str | bool | list | dict):
        return False
    if np.isnan(ours) or np.isnan(published):
        return bool(np.isnan(ours) and np.isnan(published))
    if isinstance(ours, int) and isinstance(published, int):
        return ours == published
    bound = within if absolute else within * max(abs(ours), abs(published))
    return bool(abs(ours - published) <= bound)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, list) and len(value) > 12:
        ends: Iterable[str] = (*map(_shown, value[:3]), "…", *map(_shown, value[-2:]))
        return f"[{', '.join(ends)}] ({len(value)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "null" if value is None else str(value)


def main(arguments: list[str]) -> int:
    """Compare one model; 0 where nothing differs, 1 where something does, 2 for a wrong call."""
    if len(arguments) != 2:
        print("usage: compare_published_lens.py DIR MODEL", file=sys.stderr)
        return 2
    counts = Comparison(Path(arguments[0]), arguments[1]).run()
    words = ("agree", "known-wrong", "differs", "skipped")
    print(", ".join(f"{word} {counts[word]}" for word in words))
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
