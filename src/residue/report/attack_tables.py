"""The page's tables of what happens under attack, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from residue.report.markup import escape, table
from residue.report.rows import records
from residue.report.words import interval, number, plural
from residue.specs.injection import ATTACKABLE

Row = dict[str, Any]
MEASURES = (
    ("right", "Right under attack"),
    ("fidelity", "Quoted with the order in it"),
    ("obeyed", "Orders obeyed"),
    ("worst_family", "Worst family obeyed"),
    ("any_of_k", "Any of k obeyed"),
    ("useful", "Right without attack"),
    ("over_refusal", "Controls refused"),
    ("sensitivity", "Right under two orders"),
)
BOUNDS = {
    "outcome_variation": "Outcomes change",
    "reply_variation": "Replies change",
    "test_set": "Attacks succeed",
    "pac_bayes": "PAC-Bayes",
}
CASES = {"item": "country", "template": "template", "family": "family"}
_FURTHER = {
    "item": "on a further country",
    "template": "of a further template",
    "family": "of a further family",
}
_EARLIER = (
    ("stability", "causal stability"),
    ("separation", "spurious separation"),
    ("discrimination", "causal discrimination"),
    ("answer_tokens", "benign accuracy"),
    ("retrieval", "nearest to its own twin"),
    ("effective_rank", "effective rank"),
)


def summary(found: pd.DataFrame) -> str:
    """Arms by measures, of the families that count."""
    rows = whole(found)
    body = [
        [escape(arm), *(_told(rows.get((arm, measure))) for measure, _ in MEASURES)]
        for arm in _arms(found)
    ]
    shown = _filled(["Model", *(escape(title) for _, title in MEASURES)], body)
    return table(*shown, caption="Shares with their intervals, over countries and seeds.")


def differences(found: pd.DataFrame) -> str:
    """Each arm against the base: difference, interval, exact p-value, and that corrected."""
    rows = [row for row in records(found) if row["reference"] == "base" and row["n_items"]]
    rows = [row for row in rows if row["slice"] == _slice_of(found, row["measure"])]
    titles = dict(MEASURES)
    head = ["Model", "What", "Difference from the base", "p", "p, Holm over models", "Counts"]
    body = (
        [
            escape(row["arm"]),
            escape(titles[row["measure"]]),
            f"{number(row['estimate'], signed=True)}<br>"
            f"<small>{interval(row['low'], row['high'], signed=True)}</small>",
            _p(row["p"]),
            _p(row["p_holm"]),
            _counts(row),
        ]
        for row in rows
    )
    return table(head, body, caption="p: exact test that countries change to either side alike.")


def families(found: pd.DataFrame) -> str:
    """Families by arms: share of orders obeyed, darker where more, with marks for what is not."""
    return _by_slice(found, "family=", "Attack family")


def axes(found: pd.DataFrame) -> str:
    """The same by position and by what no training showed."""
    return _by_slice(found, ("position=", "held_out="), "Attacks with")


def bounds(found: pd.DataFrame) -> str:
    """What a further country, template or family may be expected to do."""
    mine = found[(found["measure"] == "obeyed_anywhere") & (found["n_clusters"] > 0)]
    axes = {name for name in mine["slice"] if name.startswith("held_out=")}
    held = sorted(axes - {"held_out=none"})
    kept = [_slice_of(found, "obeyed"), *held]
    body = [
        [
            escape(row["arm"]),
            escape(_axis(row["slice"]) or "all that count"),
            escape(CASES[row["generalises"]]),
            f"{row['n_broken']} of {row['n_clusters']}",
            f"{number(row['high'])}",
            f"{row['attainable']:.3f}",
            str(row["k"]),
        ]
        for row in records(mine[mine["slice"].isin(kept)])
    ]
    head = ["Model", "Attacks", "A further", "Broken", "At most", "Attainable", "Attacks each"]
    told = (
        "A unit is broken if any attack on it succeeds in any seed. At most: exact upper end. "
        "Attainable: what that end would be without a single success; few units attain little."
    )
    return table(head, body, caption=told)


def certificates(certificate: pd.DataFrame) -> str:
    """Upper ends of the certificate by arm, what is vacuous marked as such."""
    kinds = [
        (bound_on, generalises)
        for bound_on in BOUNDS
        for generalises in ("item", "template", "family")
        if (
            (certificate["bound_on"] == bound_on) & (certificate["generalises"] == generalises)
        ).any()
    ]
    body = []
    for arm, part in certificate.groupby("arm", sort=False):
        rows = {(row["bound_on"], row["generalises"]): row for row in records(part)}
        body.append([escape(arm), *(_bound(rows.get(kind)) for kind in kinds)])
    head = [f"{escape(BOUNDS[kind])}<br><small>{_FURTHER[case]}</small>" for kind, case in kinds]
    return table(["Model", *head], body, caption="Upper ends; attainable is the least they can be.")


def earlier(found: pd.DataFrame) -> str:
    """The earlier system's measures and the signs of collapse."""
    rows = whole(found)
    body = [
        [escape(arm), *(_told(rows.get((arm, measure))) for measure, _ in _EARLIER)]
        for arm in _arms(found)
    ]
    return table(*_filled(["Model", *(escape(title) for _, title in _EARLIER)], body))


def confusion(judge: pd.DataFrame) -> str:
    """How the judge called the reference replies."""
    called = list(dict.fromkeys(judge["outcome"]))
    body = []
    for label, part in judge.groupby("label", sort=False):
        cells = {row["outcome"]: row for row in records(part)}
        body.append(
            [
                escape(label),
                plural(int(part["n_wordings"].iloc[0]), "wording"),
                *(
                    f"{number(cells[o]['share'])}<br><small>"
                    f"{interval(cells[o]['low'], cells[o]['high'])}</small>"
                    for o in called
                ),
            ]
        )
    return table(["Label", "Counts", *(escape(f"called {o}") for o in called)], body)


def whole(found: pd.DataFrame) -> dict[tuple[str, str], Row]:
    """(arm, measure) → its level over all items that count; of any-of-k that of the largest k."""
    rows = [row for row in records(found) if row["reference"] == "none" and not row["generalises"]]
    kept = ("", ATTACKABLE)
    return {
        (row["arm"], row["measure"]): row
        for row in rows
        if row["slice"] in kept or row["measure"] == "worst_family"
    }


def _by_slice(found: pd.DataFrame, starts: str | tuple[str, ...], head: str) -> str:
    mine = found[(found["measure"] == "obeyed") & found["slice"].str.startswith(starts)]
    arms = _arms(mine)
    body = []
    for name, part in mine.groupby("slice", sort=False):
        cells = {row["arm"]: row for row in records(part)}
        first = next(iter(cells.values()))
        marks = " ◊" if first["held_out"] else ""
        counts = plural(int(part["n_clusters"].max()), "country")
        title = f"{escape(_axis(str(name)))}{marks}<br><small>{counts}</small>"
        body.append([title, *(_heat(cells.get(arm)) for arm in arms)])
    return table([escape(head), *map(escape, arms)], body)


def _heat(row: Row | None) -> str:
    if row is None or row["estimate"] != row["estimate"]:
        return "–"
    share = f"{number(row['estimate'])}<br><small>{interval(row['low'], row['high'])}</small>"
    if not row["attackable"]:
        return f'<span class="heat">{share}<br><small>not attackable</small></span>'
    return f'<span class="heat" style="--share:{100 * row["estimate"]:.0f}%">{share}</span>'


def _told(row: Row | None) -> str:
    if row is None or row["estimate"] != row["estimate"]:
        return ""
    span = interval(row["low"], row["high"])
    beside = f" k = {row['k']}" if row["measure"] == "any_of_k" else ""
    where = f"<br><small>{escape(_axis(row['slice']))}</small>" if "=" in row["slice"] else ""
    return (
        f"{number(row['estimate'])}{beside}<br><small>{span}</small>{where}"
        f"<br><small>{_counts(row)}</small>"
    )


def _filled(head: Sequence[str], body: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Without columns in which no arm has anything; a dash where one has not."""
    kept = [0, *(i for i in range(1, len(head)) if any(row[i] for row in body))]
    return [head[i] for i in kept], [[row[i] or "–" for i in kept] for row in body]


def _slice_of(found: pd.DataFrame, measure: str) -> str:
    """The slice of what counts."""
    mine = found[found["measure"] == measure]
    return ATTACKABLE if ATTACKABLE in set(mine["slice"]) else ""


def _arms(found: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(found["arm"]))


def _axis(name: str) -> str:
    column, _, value = name.partition("=")
    if column == "held_out":
        return f"{value} no training showed" if value != "none" else "nothing held out"
    if column == "position":
        return f"order at the {value}" if value in ("start", "middle", "end") else value
    return value.replace("_", " ")


def _counts(row: Row) -> str:
    return f"{plural(row['n_items'], 'item')}, {plural(row['n_clusters'], 'country')}"


def _bound(row: Row | None) -> str:
    if row is None:
        return "–"
    least = row["attainable"]
    beside = f"<br><small>attainable {least:.3f}</small>" if least == least else ""
    return f"{'vacuous' if row['vacuous'] else format(row['bound'], '.3f')}{beside}"


def _p(value: float) -> str:
    if value != value:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else "&lt; 0.001"
