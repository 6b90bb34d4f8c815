"""What the run cost: CPU-seconds per rule, from the manifests."""

from __future__ import annotations

from residue.report.markup import escape, table
from residue.report.page import Page
from residue.report.rows import records
from residue.report.words import number

TITLE = "What it cost"


def section(page: Page) -> str:
    """Rules by cost, dearest first, with a total; empty without a ledger."""
    ledger = page.tables.get("ledger")
    if ledger is None or not len(ledger):
        return ""
    rows = [
        [escape(row["rule"]), str(row["jobs"]), *_costs(row)]
        for row in records(ledger.sort_values(["cpu_s", "rule"], ascending=[False, True]))
    ]
    total = {
        "cpu_s": ledger["cpu_s"].sum(),
        "wall_s": ledger["wall_s"].sum(),
        "peak_mb": ledger["peak_mb"].max(),
    }
    rows.append(["All", str(ledger["jobs"].sum()), *_costs(total)])
    head = ("Rule", "Jobs", "CPU-seconds", "Wall-seconds", "Peak memory, MB")
    return table(head, rows)


def _costs(row: dict[str, float]) -> list[str]:
    return [number(float(row[key])) for key in ("cpu_s", "wall_s", "peak_mb")]
