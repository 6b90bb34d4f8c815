"""Methods are files: ``objective: npo`` in the config means ``edits/objectives/npo.py``.

This module holds the only dynamic import of the program, so the code digest of a job can add
exactly the files that its config names (see `residue.core.provenance.code_digest`).
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parents[1]


class UnknownMethodError(ValueError):
    """A method name in the config has no file of that name."""


def names(folder: str) -> list[str]:
    """Names of the methods in a folder of the package, e.g. ``names("edits.objectives")``."""
    files = PACKAGE.joinpath(*folder.split(".")).glob("*.py")
    return sorted(file.stem for file in files if file.stem != "__init__")


def path(folder: str, name: str) -> Path:
    """The file of a method; `UnknownMethodError` names the nearest one that exists."""
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UnknownMethodError(
            f"'{name}' is not a method of residue.{folder}: {hint}There are: {', '.join(known)}."
        )
    return PACKAGE.joinpath(*folder.split("."), f"{name}.py")


def load(folder: str, name: str) -> ModuleType:
    """Import a method by name."""
    path(folder, name)
    return importlib.import_module(f"residue.{folder}.{name}")
