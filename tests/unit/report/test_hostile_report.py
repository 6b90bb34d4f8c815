"""Names and sentences of any content pass through figures, page and scorecard without acting."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pandas as pd
import pytest
from hostile_text import HOSTILE, MARKUP, STORABLE, acting, any_text, storable
from hypothesis import given, settings
from report_tables import claim_table, estimate_table

from residue.core.text import shown
from residue.report import drawing, figures, markup
from residue.report.page import Page, build
from residue.report.scorecard import scorecard_text
from residue.report.setting import links
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.report import ReportSpec

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TITLE = "The title of the run"
EVERYTHING = "".join(HOSTILE)


def hostile_page(evil: str) -> Page:
    """A page on which every text that anyone may choose is the given one."""
    # No table holds half of a surrogate pair; a claim must say something.
    stored = evil.encode("utf-8", "replace").decode()
    said = evil if evil.strip() else "."
    estimates = estimate_table().replace({"arm": {"npo": stored}})
    claims = claim_table().replace({"arm": {"npo": stored}})
    drawn = {
        "tradeoff": drawing.render(figures.tradeoff(estimates), "svg"),
        "by_language": drawing.render(figures.by_language(estimates, requested=(evil,)), "svg"),
    }
    for column in ("reason", "sentence", "margin_reason", "reference", "condition", "method"):
        claims[column] = stored
    claims["claim"] = claims["claim"] + stored
    claims["slice"] = f"split={stored}"
    estimates["note"] = estimates["method"] = stored
    first = default_claims()["forgets"]
    sentences = {evil: ClaimSpec(said, first.estimand, first.kind, first.margin, said)}
    estimands = {
        name: EstimandSpec(**{**vars(spec), "title": evil, "where": {"split": (evil,)}})
        for name, spec in default_estimands().items()
    }
    return Page(
        claims=claims,
        estimates=estimates,
        estimands=estimands,
        sentences=sentences,
        figures=drawn,
        requested=("en", evil),
        metrics={"exact_answer": (evil, evil)},
        facts={evil: {evil: evil}},
        files={evil: "odd" + stored},
        notice=evil,
    )


class Text(HTMLParser):
    """Tags and what stands between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def usual_tags() -> set[str]:
    return Text(build(hostile_page("npo"), ReportSpec())).tags


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_a_page_of_hostile_text_has_the_tags_of_any_page(evil: str, usual_tags: set[str]) -> None:
    html = build(hostile_page(evil), ReportSpec(title=evil))
    read = Text(html)
    assert read.tags == usual_tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert not [value for _, value in read.attributes if "hostile.invalid" in str(value)[:30]]
    assert acting(html) == {"\n"}
    html.encode("utf-8")
    if evil.strip():
        assert sum(shown(evil).strip() in word for word in read.words) > 10, "still readable"


@given(any_text)
def test_an_escaped_text_reads_as_shown_and_opens_nothing(text: str) -> None:
    read = Text(f"<p>{markup.escape(text)}</p>")
    assert read.tags == {"p"}
    assert "".join(read.words) == shown(text)
    attribute = Text(f'<p title="{markup.escape(text)}">').attributes
    assert attribute == [("title", shown(text))]


@given(any_text)
def test_links_lead_to_files_beside_the_page_only(text: str) -> None:
    path = links(Path("out/report/index.html"), {"x": Path("out", "tables", f"a{text}")})["x"]
    if re.search("[\ud800-\udc7f\udd00-\udfff]", text):
        return  # no file system gives such a name
    tag = markup.link("x", path)
    target = re.findall(r'^<a href="([^"<>]*)">x</a>$', tag)[0]
    assert not urlsplit(target).scheme
    assert not urlsplit(target).netloc
    assert re.fullmatch(r"[\w/.%~-]*", target, flags=re.ASCII)


def test_a_link_that_leaves_the_folder_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="as seen from the page"):
        markup.link("x", "//hostile.invalid/x")


@settings(max_examples=25, deadline=None)
@given(storable)
def test_figures_are_well_formed_and_name_every_arm(text: str) -> None:
    table = estimate_table().replace({"arm": {"npo": text}})
    svg = drawing.render(figures.tradeoff(table), "svg")
    words = [node.text or "" for node in ElementTree.fromstring(svg).iter() if "text" in node.tag]
    assert not acting("".join(words))
    kept = shown(text.split("\n")[0], 80)
    assert not kept.strip() or any(kept.strip() in word for word in words)


@pytest.mark.parametrize("evil", STORABLE, ids=range(len(STORABLE)))
def test_every_figure_takes_hostile_names(evil: str) -> None:
    estimates = estimate_table().replace({"arm": {"npo": evil}})
    counts = estimates.head(4).assign(row=[0.0, 1.0, None, 2.0], n=1)[["arm", "row", "n"]]
    counts["arm"] = evil
    for figure in (
        figures.tradeoff(estimates),
        figures.by_language(estimates, requested=("en",)),
        figures.first_rows(counts),
        drawing.nothing(evil),
    ):
        ElementTree.fromstring(drawing.render(figure, "svg"))
        assert drawing.render(figure, "png").startswith(b"\x89PNG")


def test_a_figure_in_the_page_keeps_its_words_letter_for_letter() -> None:
    name = 'a id="b" url(#c) #22262b font: 9px serif xmlns="d" width="3pt"'
    estimates = estimate_table().replace({"arm": {"npo": name}})
    html = markup.figure(drawing.render(figures.tradeoff(estimates), "svg"), "", "Forget")
    assert name in Text(html).words


@given(storable)
def test_the_scorecard_is_one_harmless_line_per_claim(text: str) -> None:
    claims = claim_table().replace({"arm": {"npo": text}})
    claims["claim"] = text
    claims["condition"] = text
    lines = scorecard_text(claims).split("\n")
    assert len(lines) == len(claims) + 1
    assert not acting("".join(lines))
    assert max(map(len, lines)) < 160


class Visit:
    """What headless Chromium did with a page: its document, console and addresses asked for."""

    def __init__(self, html: str, folder: Path) -> None:
        page, log = folder / "page.html", folder / "net.json"
        page.write_text(html, encoding="utf-8")
        assert CHROMIUM is not None
        done = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
                "--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True, text=True, errors="replace", timeout=120, check=True,
        )  # fmt: skip
        self.document = done.stdout
        self.console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        asked = {json.loads(f'"{url}"') for url in re.findall(r'"url":"([^"]*)"', log.read_text())}
        # The browser itself calls home; the page is not the cause of that.
        self.hosts = {urlsplit(url).hostname or "" for url in asked if url.startswith("http")}
        self.hosts = {
            host
            for host in self.hosts
            if not host.endswith((".google.com", ".googleapis.com", "gvt1.com"))
        }


# Letters that the font lacks are measured as boxes and written as text all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="headless Chromium is not here; it is in Debian's package chromium"
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@needs_chromium
@pytest.mark.parametrize("policy", [True, False], ids=["as written", "without its policy"])
def test_a_browser_opens_a_hostile_page_in_silence(policy: bool, tmp_path: Path) -> None:
    html = build(hostile_page(EVERYTHING), ReportSpec(title=TITLE))
    visit = Visit(html if policy else POLICY.sub("", html, count=1), tmp_path)
    assert visit.console == []
    assert visit.hosts == set()
    assert f"<title>{TITLE}</title>" in visit.document
    assert "data-ran" not in visit.document[: visit.document.index("<body>")]
    assert visit.document.count("<section") == html.count("<section")


@needs_chromium
def test_the_visit_would_see_a_script_a_request_and_a_complaint(tmp_path: Path) -> None:
    body = f"<html><head><title>{TITLE}</title></head><body>{''.join(MARKUP[:2])}</body></html>"
    visit = Visit(body, tmp_path)
    assert TITLE not in visit.document
    assert "data-ran" in visit.document[: visit.document.index("<body>")]
    assert visit.hosts == {"hostile.invalid"}
    (tmp_path / "guarded").mkdir()
    policy = POLICY.findall(build(hostile_page("npo"), ReportSpec()))[0]
    guarded = Visit(body.replace("<head>", f"<head>{policy}"), tmp_path / "guarded")
    assert guarded.hosts == set()
    assert guarded.console


@needs_chromium
def test_a_wide_scorecard_scrolls_by_itself_and_not_the_page(tmp_path: Path) -> None:
    """Words for screen readers lie outside the flow, and pushed the page as wide as its table."""
    page = hostile_page("npo")
    many = pd.concat([page.claims.assign(claim=f"claim_{n}") for n in range(30)])
    html = POLICY.sub("", build(replace(page, claims=many), ReportSpec()), count=1)
    measure = "const e = document.documentElement; document.title = e.scrollWidth - e.clientWidth"
    visit = Visit(html.replace("</body>", f"<script>{measure}</script></body>"), tmp_path)
    assert "<title>0</title>" in visit.document
