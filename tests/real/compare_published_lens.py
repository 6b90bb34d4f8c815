"""Our lens summaries on lens tables that others published, against their own diagnostics.

    python tests/real/compare_published_lens.py DIR MODEL

Prints one line per quantity: name, ours, published, `agree` | `differs` | `known-wrong`; then the
counts. `known-wrong`: the published value shows the known defect, and ours is the corrected value
by an independent recomputation and, for ten models, by a separate table. Quantities of a table
that was not published are skipped, and counted so. Exit 0 when nothing differs. Published
milestones scan from row 0; so does this comparison.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

import published_audits as audits  # noqa: E402
import published_milestones as milestones  # noqa: E402
from published_model import PRIMARY, Model  # noqa: E402


def compare(model: Model) -> Counter[str]:
    """Print every line; the counts."""
    diagnostics = model.files.json["diagnostics"]
    milestones.lens_milestones(model, "", model.norm, PRIMARY, diagnostics, "norm")
    milestones.gate_lines(model)
    milestones.confirmed_lines(model)
    milestones.last_lines(model)
    milestones.wording_lines(model)
    milestones.milestone_file(model)
    milestones.gate_stability_lines(model)
    audits.raw_lines(model)
    audits.overlap_lines(model)
    audits.against_lines(model, model.prism, "prism", "diagnostics/prism_summary/metrics")
    audits.against_lines(model, model.tuned, "tuned", "tuned_lens/summary/metrics")
    audits.tuned_lines(model)
    audits.audit_lines(model)
    audits.suite_lines(model)
    audits.guidance_lines(model)
    audits.identities(model)
    return model.ledger.counts


def main(arguments: list[str]) -> int:
    """Compare one model; 0 where nothing differs, 1 where something does, 2 for a wrong call."""
    if len(arguments) != 2:
        print("usage: compare_published_lens.py DIR MODEL", file=sys.stderr)
        return 2
    counts = compare(Model(Path(arguments[0]), arguments[1]))
    words = ("agree", "known-wrong", "differs", "skipped")
    print(", ".join(f"{word} {counts[word]}" for word in words))
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
