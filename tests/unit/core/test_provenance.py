"""Canonical texts and code digests: what must change them, and what must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.core import provenance

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, min_size=2))
def test_key_order_does_not_matter(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert provenance.canonical(value) == provenance.canonical(turned)


@given(json_values)
def test_canonical_text_reads_back(value: object) -> None:
    assert json.loads(provenance.canonical(value)) == value


def test_non_finite_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        provenance.canonical({"lr": float("nan")})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three modules: the script reaches `a` and, through it, `b`; nothing reaches `c`."""
    package = tmp_path / "src" / "residue"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from residue.b import two\n\ndef one():\n    return two()\n")
    (package / "b.py").write_text('"""Doc."""\n\ndef two():\n    """Doc."""\n    return 2\n')
    (package / "c.py").write_text("def three():\n    return 3\n")
    script = tmp_path / "workflow_scripts" / "job.py"
    script.parent.mkdir()
    script.write_text("def main():\n    from residue import a\n    a.one()\n")
    monkeypatch.setattr(provenance, "SOURCE", tmp_path / "src")
    return tmp_path


def digest(project: Path, *named: str) -> str:
    files = [project / "src" / "residue" / name for name in named]
    return provenance.code_digest(project / "workflow_scripts" / "job.py", files)


def edit(project: Path, name: str, old: str, new: str) -> None:
    path = project / "src" / "residue" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("b.py", '"""Doc."""', '"""Other words."""'),
        ("b.py", "return 2", "return 2  # why"),
        ("b.py", "return 2", "return (\n        2\n    )"),
        ("c.py", "return 3", "return 4"),
        ("b.py", "def two", "if TYPE_CHECKING:\n    from residue import c\n\n\ndef two"),
    ],
    ids=["docstring", "comment", "format", "unreachable module", "names for types alone"],
)
def test_edits_that_change_nothing_leave_the_digest(
    project: Path, name: str, old: str, new: str
) -> None:
    before = digest(project)
    edit(project, name, old, new)
    assert digest(project) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("b.py", "return 2", "return 3"),
        ("a.py", "two()", "two() + 0"),
        ("__init__.py", "", "VERSION = 1\n"),
    ],
    ids=["through another module", "direct", "package"],
)
def test_edits_in_the_closure_change_the_digest(
    project: Path, name: str, old: str, new: str
) -> None:
    before = digest(project)
    edit(project, name, old, new)
    assert digest(project) != before


def test_a_named_method_joins_the_digest(project: Path) -> None:
    alone, with_c = digest(project), digest(project, "c.py")
    edit(project, "c.py", "return 3", "return 4")
    assert digest(project) == alone != with_c != digest(project, "c.py")


def test_the_digest_does_not_depend_on_where_the_project_lies(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    copy = tmp_path_factory.mktemp("clone") / "elsewhere"
    shutil.copytree(project, copy)
    here = digest(project)
    monkeypatch.setattr(provenance, "SOURCE", copy / "src")
    assert digest(copy) == here


def test_a_file_that_is_not_what_its_manifest_says_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    file.write_bytes(b"whole")
    record = {"sha256": provenance.file_digest(file)}
    provenance.manifest_path(file).write_text(json.dumps(record))
    assert provenance.check(file) == record
    file.write_bytes(b"who")
    with pytest.raises(provenance.StaleFileError, match=r"table\.parquet.*delete it"):
        provenance.check(file)


def test_a_folder_digest_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1")
    first = provenance.file_digest(tmp_path)
    (tmp_path / ".snakemake_timestamp").write_text("now")
    assert provenance.file_digest(tmp_path) == first
    (tmp_path / "x").rename(tmp_path / "y")
    assert provenance.file_digest(tmp_path) != first
