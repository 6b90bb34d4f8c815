"""Facts about a run for its page: what was asked, of which models, and where the tables lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from residue.report.words import language_name

NO_MODEL = (
    "None was there: files hold what each model said. Metrics that need its tokens or rows have no "
    "value, and nothing was attacked or looked into."
)


def setting(
    countries: pd.DataFrame, audit: pd.DataFrame, arch: Mapping[str, Any], world: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Heading → label → text, for the page's section on data and models.

    countries: group and role of each; audit: items per deck and split; arch: arch.json of the
    base; world: the config section.
    """
    items = audit.groupby("deck", sort=False)["n_items"].sum()
    languages = ", ".join(language_name(code) for code in world["languages"])
    return {
        "Data": {
            "Countries": f"{len(countries)}: {_sizes(countries)}",
            "Facts": f"{', '.join(world['relations'])}, in {languages}",
            "Request": f"{world['request']} (seed {world['seed']})",
            "Items": ", ".join(f"{n:,} in {deck}" for deck, n in items.items()),
        },
        "Model": _model(arch),
    }


def own_setting(
    clusters: pd.DataFrame,
    audit: pd.DataFrame | None,
    faults: pd.DataFrame,
    arch: Mapping[str, Any] | None,
    data: Mapping[str, Any],
) -> dict[str, dict[str, str]]:
    """The same as `setting` for users' data, with what was wrong with the files, by kind.

    audit, arch: None where files of outputs are all there is.
    """
    counted = {
        kept: ", ".join(f"{n:,} × {kind}" for kind, n in part["kind"].value_counts().items())
        for kept, part in faults[faults["line"] > 0].groupby("kept")
    }
    whole = faults[faults["line"] == 0]
    notes = "; ".join(whole["file"] + ": " + whole["note"])
    return {
        "Data": {
            "Files": ", ".join(data["files"])
            + (f" (parts drawn with seed {data['seed']})" if "seed" in data else ""),
            "Clusters": f"{clusters['country'].nunique()}: {_sizes(clusters)}",
            "Items": f"{(clusters if audit is None else audit)['n_items'].sum():,}",
            "Lines left out": counted.get(False, "none"),
            "Lines repaired": counted.get(True, "none"),
            "To know": notes or "nothing",
        },
        "Model": {"Models": NO_MODEL} if arch is None else _model(arch),
    }


def _sizes(units: pd.DataFrame) -> str:
    """``24 forget test, 12 forget relearn, 16 never seen``."""
    names = units["group"] + units["role"].map(lambda role: "" if role == "none" else f" {role}")
    counts = names.value_counts(sort=False).sort_index()
    return ", ".join(f"{n} {str(name).replace('_', ' ')}" for name, n in counts.items())


def _model(arch: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Architecture": f"{arch['model_type']}, {arch['n_blocks']} blocks of width "
        f"{arch['width']}, vocabulary {arch['vocabulary']:,}",
    }


def links(page: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """What a file holds → its path as seen from the page."""
    return {what: os.path.relpath(path, page.parent) for what, path in files.items()}
