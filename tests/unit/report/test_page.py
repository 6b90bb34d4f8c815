"""The page is whole, offline, escaped, and shows every decision with its counts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from report_tables import claim_table, estimate_table

from residue.report import drawing, figures
from residue.report.page import INSTRUMENT_CHECK, Page, build, metric_titles
from residue.report.scorecard import scorecard_text
from residue.report.sections.method import FORMULAS
from residue.report.tests import COLUMNS as TESTS
from residue.report.tests import blank, with_multiplicity
from residue.report.words import attainable, interval, number, plural
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.report import ReportSpec

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "br", "link", "img", "hr", "input"}


class Reader(HTMLParser):
    """Keeps tags, attributes and text, and stops at a tag that closes nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def a_page(arm: str = "npo", **more: object) -> Page:
    estimates = estimate_table().replace({"arm": {"npo": arm}})
    claims = claim_table().replace({"arm": {"npo": arm}})
    drawn = {
        "tradeoff": drawing.render(figures.tradeoff(estimates), "svg"),
        "by_language": drawing.render(
            figures.by_language(estimates, requested=("en", "hi")), "svg"
        ),
    }
    facts = {"Data": {"Countries": "72"}, "Models": {"Base": "6 blocks"}}
    options: dict[str, object] = {
        "figures": drawn,
        "requested": ("en", "hi"),
        "facts": facts,
        "files": {"Claims": "../claims.parquet"},
        "notice": INSTRUMENT_CHECK,
    }
    return Page(claims, estimates, default_estimands(), default_claims(), **{**options, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def html() -> str:
    return build(a_page(), ReportSpec())


def test_every_tag_closes_and_ids_are_unique(html: str) -> None:
    reader = Reader(html)
    assert reader.open == []
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = re.findall(r"url\(#([^)]+)\)", html)
    used += [str(a["xlink:href"])[1:] for _, a in reader.tags if "xlink:href" in a]
    assert used
    assert set(used) <= set(ids)


def test_page_asks_nothing_of_a_network(html: str) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|<script|<img|<iframe|url\((?!#)", html)
    links = [attrs["href"] for tag, attrs in Reader(html).tags if tag == "a"]
    assert {each for each in links if not str(each).startswith("#")} == {"../claims.parquet"}


def test_names_from_data_cannot_become_markup() -> None:
    page = a_page(
        arm=EVIL,
        requested=("en", EVIL),
        facts={EVIL: {EVIL: EVIL}},
        files={EVIL: "javascript:alert(1)"},
        metrics={"exact_answer": (EVIL, EVIL)},
        notice=EVIL,
    )
    for table in (page.claims, page.estimates):
        for column in ("method", "slice"):
            table[column] = EVIL
    for column in (
        "reason",
        "sentence",
        "margin_reason",
        "reference",
        "condition",
        "claim",
        "note",
    ):
        page.claims[column] = EVIL
    page.estimates["note"] = EVIL
    html = build(page, ReportSpec(title=EVIL))
    reader = Reader(html)
    assert reader.open == []
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not [attrs for _, attrs in reader.tags if any(key.startswith("on") for key in attrs)]
    assert 'href="javascript:' not in html
    assert sum(EVIL in word for word in reader.words) > 20, "the names are still readable"


def test_every_decision_is_shown_with_its_counts(html: str) -> None:
    part = html[html.index('<section id="claims"') :]
    rows = re.findall(r"<tr\b.*?</tr>", part, flags=re.DOTALL)
    for claim in claim_table().to_dict("records"):
        mine = [
            r for r in rows if f'id="row-{claim["arm"]}-{claim["claim"].replace("_", "-")}-' in r
        ]
        assert len(mine) == 1
        told = [claim["verdict"]]
        if claim["role"] != "headline":
            told += [
                interval(claim["low"], claim["high"], signed=True),
                plural(claim["n_items"], "item"),
                plural(claim["n_clusters"], "country"),
                plural(claim["n_seeds"], "seed"),
                f"Attainable margin {attainable(claim['attainable'])}",
                claim["note"],
                f"estimand == &quot;{claim['estimand']}&quot;",
            ]
        for text in (*told, f"claim == &quot;{claim['claim']}&quot;"):
            assert text in mine[0]


def test_the_grid_has_a_cell_per_arm_and_claim_that_leads_to_its_decision(html: str) -> None:
    reader = Reader(html)
    ids = {attrs["id"] for _, attrs in reader.tags if "id" in attrs}
    cells = [attrs for tag, attrs in reader.tags if tag == "td" and "data-claim" in attrs]
    claims = claim_table()
    assert len(cells) == claims["arm"].nunique() * claims["claim"].nunique()
    judged = [each for each in cells if "none" not in str(each["class"]).split()]
    assert len(judged) == len(claims)
    jumps = [str(attrs["href"])[1:] for tag, attrs in reader.tags if tag == "a"
             and str(attrs["href"]).startswith("#")]  # fmt: skip
    assert set(jumps) <= ids
    assert sum(jump.startswith("row-") for jump in jumps) == len(claims)
    # Blocks on a phone keep the roles of a table.
    assert {attrs.get("role") for tag, attrs in reader.tags if tag == "td" and "data-claim" in attrs
            } == {"cell"}  # fmt: skip
    scoped = [attrs for tag, attrs in reader.tags if tag == "th"]
    assert all("scope" in attrs for attrs in scoped)
    pictures = [attrs for tag, attrs in reader.tags if tag == "svg"]
    assert all(attrs.get("aria-hidden") or attrs.get("aria-label") for attrs in pictures)


def test_what_a_paper_must_report_shows_gaps_as_gaps(html: str) -> None:
    part = html[html.index('<section id="checklist"') :]
    rows = re.findall(r"<tr\b.*?</tr>", part[: part.index("</section>")], flags=re.DOTALL)
    by_name = {re.search(r'scope="row">(.*?)<', row)[1]: row for row in rows[1:]}  # type: ignore[index]
    assert "missing" in by_name["Human reading of answers"]
    assert "missing" in by_name["Compute and peak memory"], "this page was made without manifests"
    assert "missing" in by_name["More than one base checkpoint"]
    assert "✓" in by_name["Several training seeds of every edit"]
    job = {
        "stage": "train_arm", "device": "cpu (x)", "versions": {"numpy": "2"}, "cpu_seconds": 12.4,
        "peak_memory_mb": 321.0, "spec": {"wildcards": {"arm": "npo"}, "lr": 0.5}, "output": "w",
    }  # fmt: skip
    full = build(a_page(jobs=[job, job]), ReportSpec())
    assert "25 CPU-seconds in 2 jobs; 321 MB (train_arm)" in full
    assert "&quot;lr&quot;: 0.5" in full


def test_sections_follow_the_config_and_the_notice_is_shown(html: str) -> None:
    assert INSTRUMENT_CHECK in html
    short = build(a_page(), ReportSpec(sections=("setting", "scorecard")))
    assert re.findall(r'<section id="(\w+)"', short) == ["setting", "scorecard"]


def test_same_tables_give_the_same_page(html: str) -> None:
    assert build(a_page(), ReportSpec()) == html


def test_refused_estimate_is_shown_as_missing_and_never_as_zero() -> None:
    claims = claim_table().iloc[[1]].copy()
    claims[["estimate", "low", "high", "attainable"]] = float("nan")
    claims["verdict"] = "inconclusive"
    claims["seed_values"] = [[]]
    page = Page(claims, estimate_table(), default_estimands(), default_claims())
    html = build(page, ReportSpec(sections=("scorecard",)))
    assert "–</b><small>[–, –]</small>" in html
    assert "? inconclusive" in html
    assert "– " in scorecard_text(claims)


def test_scorecard_text_has_one_aligned_line_per_claim() -> None:
    claims = claim_table()
    lines = scorecard_text(claims).splitlines()
    assert len(lines) == len(claims) + 1
    assert max(map(len, lines)) <= 100
    start = lines[0].index("verdict")
    assert lines[0].split()[-2:] == ["attainable", "countries×seeds"]
    assert lines[1].endswith("24×3")
    for line, verdict in zip(lines[1:], claims["verdict"], strict=True):
        assert line[start:].startswith(("✓ ", "✗ ", "? "))
        assert verdict in line


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.034, True, "+0.03"),
        (-0.001, True, "0.00"),
        (-0.126, True, "−0.13"),
        (12.34, False, "12.3"),
        (123.4, False, "123"),
        (float("nan"), False, "–"),
        (float("-inf"), False, "−∞"),
    ],
)
def test_numbers_read_as_written(value: float, signed: bool, text: str) -> None:
    assert number(value, signed=signed) == text


def test_attainable_is_never_shown_below_what_it_is() -> None:
    assert [attainable(x) for x in (0.0974, 0.14247, 0.6)] == ["0.098", "0.143", "0.6"]
    assert attainable(float("nan")) == "–"


def test_ratio_is_centred_on_one_and_its_margin_is_a_factor() -> None:
    claims = (
        claim_table()
        .iloc[[1]]
        .assign(statistic="perplexity", estimate=1.05, low=1.0, high=1.1, seed_values=[[1.05]])
    )
    page = Page(claims, estimate_table(), default_estimands(), default_claims())
    html = build(page, ReportSpec(sections=("scorecard",)))
    assert "×÷1.2 of the oracle" in html
    zero, left = re.search(r'"zero" x1="([\d.]+)"', html), re.search(r'"span" x1="([\d.]+)"', html)
    assert zero is not None
    assert left is not None
    assert zero[1] == left[1] == "100.0"


def test_the_section_of_tests_says_what_is_not_shown_and_why() -> None:
    lines = [
        blank("readout_excess", "none", "npo", row=row, effect=0.4, low=0.3, high=0.5, level=0.95,
              margin=0.15, power=0.8, detectable=0.14, n=60, n_clusters=30, n_seeds=3,
              decision=decision, reason="the base <is> not detected")
        for row, decision in ((0, "not shown"), (1, "dependent"))
    ]  # fmt: skip
    lines.append(blank("order_shift", "none", "npo", effect=0.9, low=0.8, high=1.0, margin=0.1,
                       n=60, n_clusters=30, decision="dependent"))  # fmt: skip
    tests = with_multiplicity(pd.DataFrame(lines, columns=list(TESTS)))
    made = build(a_page(tests=tests), ReportSpec())
    assert made.count("not shown</span>") == 1
    assert "the base &lt;is&gt; not detected" in made
    assert "Independence: is it gone" not in build(a_page(), ReportSpec())


def test_every_default_metric_has_a_title_a_unit_and_a_formula() -> None:
    names = [spec.metric for spec in default_estimands().values()]
    for name, (title, unit) in metric_titles(names).items():
        assert title
        assert unit
        assert name in FORMULAS
