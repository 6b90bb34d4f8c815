"""Tables for papers: every row, balanced braces, nothing that LaTeX or Markdown would act on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_tables import claim_table

from residue.report.claim_tables import latex, markdown, tex

EVIL = r"a_b & 50% $x$ {y} \input{/etc/passwd} #1 ~^ <i> [z](http://q) | `c` – “é” ہ क"


def unescaped(text: str) -> str:
    """What is left of LaTeX source when escapes and our own commands are taken out."""
    text = re.sub(r"\$(?:-|\\pm|\\times|\\div|\\infty|\\le|\\ge)\$", "", text)
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
    assert tex("≥ 0.85, ≤ 0.1") == r"$\ge$ 0.85, $\le$ 0.1"
    assert tex("Côte d'Ivoire") == "Cote d'Ivoire"
    assert tex("क") == "(devanagari letter ka)"


@pytest.mark.parametrize("name", ["npo", EVIL])
def test_both_tables_have_a_row_per_claim_and_all_its_cells(name: str) -> None:
    claims = claim_table().replace({"arm": {"npo": name}})
    source = latex(claims)
    body = source.split(r"\endfoot")[1].split(r"\end{longtable}")[0]
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert len(rows) == len(claims)
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 6
    heads = [line for line in body.splitlines() if line.startswith(r"\multicolumn")]
    assert [tex(arm) in line for arm, line in zip(dict.fromkeys(claims["arm"]), heads, strict=True)]
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


def _compiles() -> bool:
    """Whether pdflatex and both packages are here."""
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        return False
    found = subprocess.run(["kpsewhich", "booktabs.sty", "longtable.sty"], capture_output=True)
    return found.returncode == 0


@pytest.mark.skipif(not _compiles(), reason="pdflatex with booktabs and longtable is not here")
@pytest.mark.parametrize("name", ["reft_gate", EVIL])
def test_the_latex_table_compiles_and_fits_an_article(name: str, tmp_path: Path) -> None:
    claims = claim_table()
    more = claims.assign(arm=name, condition="relearn_other_60", slice="family=held_out")
    more = more.assign(estimate=-0.16, low=-0.21, high=-0.11)
    (tmp_path / "claims.tex").write_text(latex(pd.concat([claims, more])), encoding="ascii")
    (tmp_path / "article.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,longtable}\n"
        "\\begin{document}\\input{claims}\\end{document}\n",
        encoding="ascii",
    )
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "article.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    too_wide = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    # One long word of a hostile name may stick out; the columns may not.
    assert max(too_wide, default=0.0) < 3.0 or name == EVIL
