"""The page of a run: one file that opens offline and asks nothing of any network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from residue.core import methods
from residue.report.markup import escape, figure
from residue.report.style import CSS
from residue.report.words import language_name
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.report import ReportSpec

INSTRUMENT_CHECK = "Instrument check; no claim about large models."


@dataclass(frozen=True)
class Page:
    """Everything that the sections read; all of it is text, tables or drawn figures."""

    claims: pd.DataFrame
    """One row per arm, condition and claim, as `residue.report.claims` writes them."""
    estimates: pd.DataFrame
    """One row per estimand, arm, condition and slice, as `residue.report.estimates` writes them."""
    estimands: Mapping[str, EstimandSpec]
    """What the estimands of the two tables are, by name."""
    sentences: Mapping[str, ClaimSpec]
    """What is claimed, by name."""
    recovery: pd.DataFrame | None = None
    """What attacks bring back, as `residue.report.recovery` writes it; None: no attack."""
    succession: pd.DataFrame | None = None
    """What is left of each request, as `residue.report.succession` writes it; None: no parts."""
    figures: Mapping[str, bytes] = field(default_factory=dict)
    """SVG by name: tradeoff, by_language, first_rows, recovery, succession, depth_<lens>,
    trace_<arm>, tests_<kind>, attack_plane, adaptive."""
    depth: pd.DataFrame | None = None
    """What lenses read at each row, as `residue.report.depth` writes it."""
    tests: pd.DataFrame | None = None
    """What was tested inside the models, as `residue.report.tests` writes it."""
    meta: pd.DataFrame | None = None
    """How far each metric can be trusted, as `residue.report.meta` writes it."""
    injection: pd.DataFrame | None = None
    """What every arm does under attack, as `residue.report.injection` writes it."""
    certificate: pd.DataFrame | None = None
    """What that bounds, as `residue.report.certificate` writes it."""
    judge: pd.DataFrame | None = None
    """How the judge of outcomes fared, as `residue.report.judging` writes it."""
    escapes: pd.DataFrame | None = None
    """Replies under attack, as `residue.report.escapes` chooses them."""
    adaptive: pd.DataFrame | None = None
    """How far attackers come who adapt, as `residue.report.adaptive` writes it."""
    requested: tuple[str, ...] = ()
    """Languages in which the edit was asked to forget."""
    relearning: pd.DataFrame | None = None
    """What is read inside against what relearning brings back, as `residue.report.relearning`
    writes it."""
    jobs: Sequence[Mapping[str, Any]] = ()
    """Manifests of the jobs that the page rests on, as `residue.account.jobs_behind` gives them."""
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Title and unit of each metric, as from `metric_titles`."""
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Facts of the run by heading, e.g. ``{"Data": {"Countries": "84"}, "Models": {…}}``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What a file holds → its path relative to the page."""
    unit: str = "country"
    """What is resampled, in a word: users' data have clusters in place of countries."""
    notice: str = ""
    """One sentence that limits what may be concluded, shown under the title."""

    def unit_of(self, estimand: str) -> str:
        """What an estimand resamples, in a word."""
        spec = self.estimands.get(estimand)
        if spec is None:
            return "unit"
        return self.unit if spec.unit == "country" else spec.unit

    def words(self, text: str) -> str:
        """The text with this run's word for what is resampled."""
        if self.unit == "country":
            return text
        for one, many in (("country", "countries"), ("Country", "Countries")):
            new = self.unit if one.islower() else self.unit.capitalize()
            text = text.replace(many, f"{new}s").replace(one, new)
        return text

    def drawn(self, name: str, title: str, caption: str) -> str:
        """A figure with its title and caption as HTML; empty where it was not drawn."""
        if name not in self.figures:
            return ""
        text = f"<b>{escape(title)}.</b> {escape(self.words(caption))}"
        return f'<div class="figures">{figure(self.figures[name], text, title)}</div>'


def build(page: Page, spec: ReportSpec) -> str:
    """The whole page as HTML: title, notice, then the sections of the config in their order."""
    made = {name: _section(name, page) for name in spec.sections}
    sections = [text for text in made.values() if text]
    notice = f'<p class="notice">{escape(page.notice)}</p>' if page.notice else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(spec.title)}</title>
<style>{CSS}</style>
</head>
<body>
<a class="skip" href="#{escape(next(iter(made), "top"))}">To the first section</a>
<header id="top">
<h1>{escape(spec.title)}</h1>
<p class="lead">{_what_was_run(page)}</p>
{notice}
{_contents([name for name, text in made.items() if text])}
</header>
<main>
{"".join(sections)}
</main>
<footer>Made by residue. This file needs no network; every link leads to a file beside it.</footer>
</body>
</html>
"""


def _contents(names: Sequence[str]) -> str:
    """Links to the sections."""
    links = "".join(
        f'<li><a href="#{escape(name)}">{escape(methods.load("report.sections", name).TITLE)}</a>'
        "</li>"
        for name in names
    )
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def metric_titles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title and unit of each metric, read from its file in ``measure/metrics/``."""
    modules = {name: methods.load("measure.metrics", name) for name in dict.fromkeys(names)}
    return {name: (module.TITLE, module.UNIT) for name, module in modules.items()}


def edits(arms: Sequence[str]) -> list[str]:
    """The arms that are edits, in order of appearance."""
    return [arm for arm in dict.fromkeys(arms) if arm not in ("base", "oracle")]


def _section(name: str, page: Page) -> str:
    module = methods.load("report.sections", name)
    body = module.section(page)
    if not body:  # a section without data has nothing to say
        return ""
    title = f'<h2 id="{escape(name)}-title">{escape(module.TITLE)}</h2>'
    return (
        f'<section id="{escape(name)}" aria-labelledby="{escape(name)}-title">\n{title}\n{body}\n'
        "</section>\n"
    )


def _what_was_run(page: Page) -> str:
    arms = edits(list(page.claims["arm"]))
    names = ", ".join(arms) or "no edit"
    what, it = ("edited model", "is") if len(arms) == 1 else ("edited models", "are")
    languages = " and ".join(language_name(code) for code in page.requested)
    asked = f" Forgetting was asked for in {languages}." if languages else ""
    orders = (
        ", or to ignore orders that are hidden in the texts it reads"
        if page.injection is not None and len(page.injection)
        else ""
    )
    oracle = (
        " and against the oracle, the same model trained without ever seeing what is to be "
        "forgotten"
        if "oracle" in set(page.estimates["arm"])
        else ""
    )
    return escape(
        f"A language model was edited to forget something{orders}. Did it work? The {what} "
        f"({names}) {it} held against the base, the same model before the edit{oracle}.{asked}"
    )
