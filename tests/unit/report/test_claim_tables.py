"""Tables for papers: every row, balanced braces, nothing that LaTeX or Markdown would act on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_tables import claim_table

from residue.report.claim_tables import latex, markdown, tex

EVIL = r"a_b & 50% $x$ {y} \input{/etc/passwd} #1 ~^ <i> [z](http://q) | `c` – “é” ہ क"


def unescaped(text: str) -> str:
    """What is left of LaTeX source when escapes and our own commands are taken out."""
    text = re.sub(r"\$(?:-|\\pm|\\times|\\div|\\infty)\$", "", text)
    return re.sub(r"\\text[a-z]+\{\}|\\ldots\{\}|\{\[\}|\{\]\}|\\[{}$&#%_]", "", text)


@given(st.text())
def test_no_text_acts_in_latex(text: str) -> None:
    made = tex(text)
    assert made.isascii()
    assert "\n" not in made
    assert not set(unescaped(made)) & set("\\{}$&#%_~^")


def test_latex_keeps_what_was_said() -> None:
    assert tex("50 % of a_b") == r"50 \% of a\_b"
    assert tex("−0.16 [−0.2, ∞]") == r"$-$0.16 {[}$-$0.2, $\infty${]}"
    assert tex("Côte d'Ivoire") == "Cote d'Ivoire"
    assert tex("क") == "(devanagari letter ka)"


@pytest.mark.parametrize("name", ["npo", EVIL])
def test_both_tables_have_a_row_per_claim_and_eight_cells(name: str) -> None:
    claims = claim_table().replace({"arm": {"npo": name}})
    source = latex(claims)
    body = source.split(r"\endhead")[1].split(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert len(rows) == len(claims)
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 7
    plain = re.sub(r"\\[{}]", "", source)
    depth = 0
    for sign in plain:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert source.count(r"\begin{") == source.count(r"\end{") == 1
    lines = markdown(claims).splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == len(claims) + 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("| ")} == {9}
    for verdict in claims["verdict"]:
        assert verdict in source
