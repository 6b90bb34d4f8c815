"""Facts about a run for its page: what was asked, of which models, and where the tables lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from residue.report.words import language_name


def setting(
    countries: pd.DataFrame, audit: pd.DataFrame, arch: Mapping[str, Any], world: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Heading → label → text, for the page's section on data and models.

    countries: group and role of each; audit: items per deck and split; arch: arch.json of the
    base; world: the config section.
    """
    groups = (countries["group"] + " " + countries["role"]).value_counts(sort=False)
    sizes = ", ".join(f"{n} {str(name).replace('_', ' ')}" for name, n in groups.items())
    items = audit.groupby("deck", sort=False)["n_items"].sum()
    languages = ", ".join(language_name(code) for code in world["languages"])
    return {
        "Data": {
            "Countries": f"{len(countries)}: {sizes}",
            "Facts": f"{', '.join(world['relations'])}, in {languages}",
            "Request": f"{world['request']} (seed {world['seed']})",
            "Items": ", ".join(f"{n:,} in {deck}" for deck, n in items.items()),
        },
        "Model": {
            "Architecture": f"{arch['model_type']}, {arch['n_blocks']} blocks of width "
            f"{arch['width']}, vocabulary {arch['vocabulary']:,}",
        },
    }


def links(page: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """What a file holds → its path as seen from the page."""
    return {what: os.path.relpath(path, page.parent) for what, path in files.items()}
