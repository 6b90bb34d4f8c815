"""What a paper on editing must report, filled from this run; gaps are shown as gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from residue.report.markup import escape, link, table
from residue.report.page import Page, edits
from residue.report.sections.setting import run_facts
from residue.report.words import language_name, margin, plain_name, plural

TITLE = "What a paper must report"


@dataclass(frozen=True)
class Item:
    """One thing to report; `told` is empty where the run has nothing to say."""

    what: str
    told: str
    mend: str
    """What would fill it."""


def section(page: Page) -> str:
    """A table of things to report, each filled or marked as missing."""
    items = list(checklist(page))
    missing = sum(not each.told for each in items)
    rows = [
        [
            escape(each.what),
            "✓ reported" if each.told else '<b class="lacking">✗ missing</b>',
            f'<div class="wider">{escape(each.told or each.mend)}</div>',
        ]
        for each in items
    ]
    links = " · ".join(link(what, path) for what, path in page.files.items())
    source = f'<p class="small">From {links} and their manifests.</p>' if links else ""
    return (
        f"<p>{len(items) - missing} of {len(items)} things are reported. What a run cannot know of "
        "itself, such as who looked at the answers, is for the authors to add.</p>"
        + table(("What", "Reported", "In this run"), rows, stacked=True)
        + source
    )


def checklist(page: Page) -> Iterable[Item]:
    """The items, from comparison to cost."""
    claims, estimates = page.claims, page.estimates
    arms = list(dict.fromkeys(estimates["arm"]))
    judged = claims[claims["n_items"] > 0]
    yield Item("Unedited model beside every number", _if("base" in arms, "base"), "judge a base")
    yield Item(
        "Model that never saw the data",
        _if("oracle" in arms, "oracle, trained by the same recipe"),
        "give an oracle (model.oracle_folder); without one nothing says what forgotten looks like",
    )
    yield Item("Items, independent units, seeds, pairs", _sizes(judged, page), "measure something")
    yield Item(
        "More than one base checkpoint",
        _if(_most(judged, "n_pairs") > 1, f"{_most(judged, 'n_pairs')} base–oracle pairs"),
        "set pairs: 2 or more; every interval here is given one base checkpoint",
    )
    alone = [arm for arm in edits(arms) if _most(judged[judged["arm"] == arm], "n_seeds") < 2]
    yield Item(
        "Several training seeds of every edit",
        _if(not alone and bool(edits(arms)), "each edit has two seeds or more"),
        f"one seed only: {', '.join(alone)}; add seeds under arms" if alone else "add an edit",
    )
    yield Item(
        "Interval with every number, and its unit",
        _if(len(estimates) > 0, f"{_levels(estimates)}, resampling {page.unit} by {page.unit}"),
        "estimate something",
    )
    yield Item("Margins fixed before the run, with reasons", _margins(claims), "state claims")
    yield Item("Correction for many claims and models", _correction(claims), "name a headline")
    yield Item(
        "Whether the sample could have decided",
        _if(claims["attainable"].notna().any(), "attainable margin beside every verdict"),
        "claim a rate",
    )
    controls = [arm for arm in ("base", "oracle") if arm in set(claims["arm"])]
    yield Item("Controls that must fail, or pass", ", ".join(controls), "judge base and oracle")
    yield Item("Wordings held out from all training", _held_out(page), "add held-out wordings")
    yield Item("Languages", _languages(page), "ask in another language than the request's")
    yield Item("Damage to what should stay", _retain(estimates), "estimate retain facts")
    yield Item("Attacks after the edit, with their budget", _attacks(page), "name conditions")
    yield Item(
        "The same attack on a model that never knew",
        _control_of_attack(page),
        "attack the oracle too",
    )
    metrics = set(estimates["metric"])
    yield Item(
        "Membership inference, calibrated on a model that never knew",
        _if("membership_min_k" in metrics and "oracle" in arms, "min-k % on every model"),
        "measure membership_min_k and give an oracle",
    )
    yield Item(
        "What is left inside the model",
        _if(page.depth is not None and len(page.depth) > 0, "lenses row by row; see Inside"),
        "name lens.decoders",
    )
    lost = int(claims["n_unscorable"].sum())
    yield Item("Answers that could not be scored", f"{lost:,} in claims, as rows with reasons", "")
    yield from _provenance(page)


def _provenance(page: Page) -> Iterable[Item]:
    facts = run_facts(page.jobs) if page.jobs else {}
    wants = "make the page by its rule, which reads the manifests"
    yield Item("Model and data", "; ".join(
        f"{name}: {text}" for part in page.facts.values() for name, text in part.items()
    ), "describe them")  # fmt: skip
    yield Item("Hardware and versions", "; ".join(
        facts[name] for name in ("Hardware", "Versions") if name in facts), wants)  # fmt: skip
    yield Item("Compute and peak memory", "; ".join(
        facts[name] for name in ("Cost", "Peak memory") if name in facts), wants)  # fmt: skip
    yield Item(
        "Settings of every edit",
        _if(any(job["stage"] == "train_arm" for job in page.jobs), "in full below, by model"),
        wants,
    )
    yield Item(
        "Where settings were chosen",
        _if(page.unit == "country", "on dev countries, never on those of the scorecard"),
        "say on which items settings were chosen",
    )
    yield Item("Human reading of answers", "", "read a sample of answers and say what was seen")


def _if(holds: object, told: str) -> str:
    return told if holds else ""


def _most(table: pd.DataFrame, column: str) -> int:
    return int(table[column].max()) if len(table) else 0


def _sizes(claims: pd.DataFrame, page: Page) -> str:
    if not len(claims):
        return ""
    return "up to " + ", ".join(
        plural(_most(claims, column), noun)
        for column, noun in (
            ("n_items", "item"), ("n_clusters", page.unit), ("n_seeds", "seed"),
            ("n_pairs", "base–oracle pair"),
        )
    )  # fmt: skip


def _levels(estimates: pd.DataFrame) -> str:
    return " and ".join(f"{level:.0%} intervals" for level in sorted(set(estimates["level"])))


def _margins(claims: pd.DataFrame) -> str:
    single = claims[claims["margin"].notna()].drop_duplicates("claim")
    return ", ".join(
        f"{plain_name(name)} {margin(value, kind, statistic)}"
        for name, value, kind, statistic in zip(
            single["claim"], single["margin"], single["kind"], single["statistic"], strict=True
        )
    )


def _correction(claims: pd.DataFrame) -> str:
    heads = claims[claims["role"] == "headline"]
    free = claims[claims["role"] == "exploratory"]
    if not len(heads):
        return ""
    return (
        f"Holm over {plural(len(heads), 'headline test')}, Benjamini–Hochberg over "
        f"{plural(len(free), 'exploratory one')}"
    )


def _held_out(page: Page) -> str:
    found = page.estimates["slice"].str.contains("family=held_out") & (
        page.estimates["n_items"] > 0
    )
    return _if(found.any(), "part of the claim that facts are forgotten")


def _languages(page: Page) -> str:
    mine = page.estimates[page.estimates["estimand"] == "forget_by_language"]
    codes = dict.fromkeys(text.rpartition("=")[2] for text in mine["slice"])
    asked = ", ".join(language_name(code) for code in page.requested)
    told = ", ".join(language_name(code) for code in codes)
    return _if(len(codes) > 1, f"asked for in {asked}; tested in {told}")


def _retain(estimates: pd.DataFrame) -> str:
    kept = estimates[estimates["estimand"] == "retain_vs_base"]
    slices = [text.rpartition("=")[2].replace("_", " ") for text in dict.fromkeys(kept["slice"])]
    return ", ".join(slices)


def _attacks(page: Page) -> str:
    if page.recovery is None or not len(page.recovery):
        return ""
    told = []
    for attack, part in page.recovery.groupby("attack", sort=False):
        at = part["at"].dropna()
        strength = f" (up to {at.max():g} updates)" if len(at) else ""
        told.append(plain_name(str(attack)) + strength)
    return ", ".join(told)


def _control_of_attack(page: Page) -> str:
    if page.recovery is None:
        return ""
    attacked = page.recovery[page.recovery["condition"] != "plain"]
    return _if("oracle" in set(attacked["arm"]), "oracle and base, after the same updates")
