"""The library keeps its order, its independence of Snakemake and its safety."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "residue"
ORDER = (
    "core", "specs", "stats", "world", "models", "records", "representation", "sae", "lens",
    "edits", "measure", "attackers", "report", "stage", "account", "verify", "commands", "cli",
)  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def folder_of(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by full name"
            base = node.module or ""
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_folder_imports_only_from_those_above_it(path: Path) -> None:
    here = folder_of(path)
    if here == "__init__":
        return
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "residue" or len(parts) < 2:
            continue
        there = parts[1]
        assert there in ORDER, f"{path}: {name} has no place in the order of layers"
        assert ORDER.index(there) <= ORDER.index(here), f"{path}: {here} must not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_library_knows_neither_snakemake_nor_the_config_file(path: Path) -> None:
    heads = {name.split(".")[0] for name in imports_of(path)}
    assert "snakemake" not in heads
    assert "yaml" not in heads


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_unsafe_is_read_or_run(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert called not in {"pickle.load", "pickle.loads", "torch.load", "yaml.load"}
            assert called not in {"eval", "exec"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_there_is_one_way_to_escape_a_text(path: Path) -> None:
    """`core.text.shown` makes text safe to show; `report.markup.escape` puts it into HTML."""
    names = imports_of(path)
    assert not names & {"html.escape", "xml.sax.saxutils.escape", "markupsafe"}
    assert ("html" in names) == (path == PACKAGE / "report" / "markup.py")


def test_specs_and_method_options_import_without_torch() -> None:
    """The config is checked before any job, in the process that reads the rules."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "import residue.specs.config\n"
        "from residue.core import methods\n"
        "for folder in ('edits.objectives',):\n"
        "    for name in methods.names(folder): methods.load(folder, name)\n"
        "from residue.specs.plan import read_config\n"
        "read_config({})\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'transformers', 'peft'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_rule_has_one_script_of_its_name() -> None:
    import re

    rules = set()
    for file in (ROOT / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^rule (\w+):", file.read_text(), flags=re.MULTILINE))
    scripts = {file.stem for file in (ROOT / "workflow_scripts").glob("*.py")}
    assert rules == scripts


def test_every_rule_declares_log_benchmark_threads_gpu_and_three_params() -> None:
    import re

    for file in sorted((ROOT / "rules").glob("*.smk")):
        text = file.read_text()
        for body in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]:
            name = body.split(":")[0]
            for word in (
                "log:",
                "benchmark:",
                "threads:",
                "gpu=",
                "spec=",
                "code=",
                "io=",
                "conda:",
            ):
                assert word in body, f"{file.name}: rule {name} lacks {word}"
            params = body.split("params:")[1].split("shell:")[0]
            given = set(re.findall(r"^        (\w+)=", params, flags=re.MULTILINE))
            assert given == {"spec", "code", "io"}, f"{file.name}: rule {name} has params {given}"
