"""What a file was made from: canonical specs, code digests, manifests. Standard library only.

Snakemake imports this module while it reads the rules, so it must stay cheap.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package (``src``)."""


def canonical(value: Any) -> str:
    """One JSON text per value: sorted keys, no blanks, non-finite numbers refused.

    Snakemake compares params as an unordered set of reprs without names; one canonical text per
    job makes that comparison exact.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    # Python writes half of a surrogate pair, as in odd file names, just as JSON escapes it.
    return text.encode("utf-8", "backslashreplace").decode()


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file; of a folder, of its files' relative names and digests."""
    path = Path(path)
    if path.is_dir():
        lines = [
            f"{file.relative_to(path).as_posix()} {file_digest(file)}"
            for file in sorted(path.rglob("*"))
            if file.is_file() and not file.name.startswith(".snakemake")
        ]
        return hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# --- code -----------------------------------------------------------------------------------


def code_digest(script: str | os.PathLike[str], methods: Iterable[Path] = ()) -> str:
    """Digest of the source that a script can reach, and of the named method files.

    The import closure is walked in the syntax tree (imports inside functions too), limited to this
    package. Comments, docstrings and formatting do not count; names, paths and order do.
    """
    return _digest_of(closure([Path(script).resolve(), *methods]))


def closure(roots: Iterable[Path]) -> dict[str, str]:
    """Every source file reachable from the roots: its name → digest of its normalised source."""
    found: dict[str, str] = {}
    queue = [path.resolve() for path in roots]
    while queue:
        path = queue.pop()
        name = _name_of(path)
        if name in found:
            continue
        state = path.stat()
        digest, imports = _read_source(path, state.st_mtime_ns, state.st_size)
        found[name] = digest
        queue.extend(imports)
    return found


def _digest_of(files: dict[str, str]) -> str:
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _name_of(path: Path) -> str:
    """A name that does not depend on where the project lies."""
    root = SOURCE.parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


@cache
def _read_source(path: Path, _mtime: int, _size: int) -> tuple[str, tuple[Path, ...]]:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise SyntaxError(f"{path}:{error.lineno}: {error.msg}; mend the file first") from error
    _strip_typing(tree)
    imports = tuple(_imports(tree, path))
    _strip_docstrings(tree)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports


def _strip_typing(tree: ast.Module) -> None:
    """Remove what stands under a module's `if TYPE_CHECKING:`, which never runs."""
    tree.body = [node for node in tree.body if not _is_typing(node)] or [ast.Pass()]


def _is_typing(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        and not node.orelse
    )


def _strip_docstrings(tree: ast.Module) -> None:
    """Remove every bare string statement: docstrings and the texts under dataclass fields."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        kept = [child for child in body if not _is_text(child)]
        node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(tree: ast.Module, path: Path) -> Iterable[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            modules = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            yield from _files_of(module)


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(SOURCE).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def _files_of(module: str) -> Iterable[Path]:
    stem = SOURCE.joinpath(*module.split("."))
    for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
        if module.startswith("residue") and candidate.is_file():
            yield candidate


# --- manifests ------------------------------------------------------------------------------


def manifest_path(output: str | os.PathLike[str]) -> Path:
    """Where the manifest of an output lies: ``<output>.manifest.json``."""
    return Path(f"{os.fspath(output).rstrip('/')}.manifest.json")


class StaleFileError(RuntimeError):
    """A file is not what its manifest says, or cannot be read as what its name says."""


def read_manifest(output: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The manifest of an output; None where there is none (a source).

    Raises `StaleFileError` where it cannot be read: it was cut short or edited.
    """
    path = manifest_path(output)
    if not path.is_file():
        return None
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(manifest["sha256"], str):
            return manifest
    except (ValueError, KeyError, TypeError):
        pass
    raise StaleFileError(
        f"{path} is not a whole manifest (it was cut short or edited); delete it and "
        f"{os.fspath(output)} and run snakemake again."
    )


def check(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Compare a file with its manifest and return it; None where a file has no manifest (a source).

    Raises `StaleFileError` where the bytes differ: the file was cut short, edited or replaced.
    """
    manifest = read_manifest(path)
    if manifest is not None and file_digest(path) != manifest["sha256"]:
        raise StaleFileError(
            f"{os.fspath(path)} is not what its manifest says (it was cut short, edited or "
            f"replaced); delete it and run snakemake again."
        )
    return manifest
