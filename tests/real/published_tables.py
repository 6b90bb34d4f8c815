"""Published lens tables under the names of ours, with the values of the published diagnostics.

One model's files: `MODEL.json[.gz]`, `MODEL-pure-next-token.csv[.gz]` and side tables, some of
which may be absent. Eleven prompts: five facts as `<k>/orig` and `<k>/no_filler`, and `control`.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from residue.lens.summaries.trajectories import Trajectories

MAIN = "pure-next-token"
COLUMNS = {
    "layer": "row",
    "entropy_bits": "entropy",
    "teacher_entropy_bits": "teacher_entropy",
    "kl_to_final_bits": "kl_to_final",
    "kl_to_final_bits_norm_temp": "kl_tempered",
    "echo_mass_prompt": "echo_mass",
    "topk_prompt_mass@50": "topk_prompt_mass",
}
PAIR_COLUMNS = {
    "layer": "row",
    "kl_norm_vs_raw_bits": "kl_norm_raw",
    "kl_raw_to_norm_bits": "kl_raw_norm",
    "js_divergence": "js",
    "l1_prob_diff": "l1",
    "topk_jaccard_raw_norm@50": "jaccard_50",
    "answer_rank_norm": "answer_rank_norm",
    "answer_rank_raw": "answer_rank_raw",
}
NUMBERS = (
    "entropy", "entropy_gap", "teacher_entropy", "p_top1", "p_top5", "p_answer", "answer_rank",
    "answer_logit_gap", "kl_to_final", "kl_tempered", "cos_to_final", "cos_to_answer",
    "cos_to_prompt_max", "echo_mass", "answer_mass", "topk_prompt_mass", "control_margin",
    "resid_norm_ratio", "delta_resid_cos",
)  # fmt: skip
FLAG = re.compile(r"copy_(strict|soft_k(?P<k>\d+))@(?P<threshold>[0-9.]+)$")


class Absent:
    """What stands for a diagnostic that was not published; one that is null was."""

    def __bool__(self) -> bool:
        return False


ABSENT = Absent()


class Published:
    """The files of one model."""

    def __init__(self, folder: Path, model: str) -> None:
        self.folder, self.model = folder, model
        path = self._path(f"{model}.json")
        if path is None:
            raise SystemExit(
                f"{folder} holds no {model}.json.gz; name the folder and a model in it."
            )
        self.json: dict[str, Any] = json.loads(_bytes(path))
        self.main = self.table(MAIN)
        if self.main is None:
            raise SystemExit(f"{folder} holds no {model}-{MAIN}.csv.gz, the table of every row.")
        n = int(self.main["layer"].max())
        if len(self.main) != 11 * (n + 1):
            raise SystemExit(
                f"{model}-{MAIN}.csv.gz has {len(self.main)} rows, not 11 prompts of {n + 1}."
            )

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the model, or None where it was not published."""
        path = self._path(f"{self.model}-{name}.csv")
        if path is None:
            return None
        return pd.read_csv(path, escapechar="\\", lineterminator="\n", na_values=[""],
                           keep_default_na=False)  # fmt: skip

    def get(self, dotted: str) -> Any:
        """A value of the diagnostics by its path; `ABSENT` where a part of it is.

        Parts are separated by `/`, since names hold points.
        """
        return inside(self.json, *dotted.split("/"))

    def _path(self, name: str) -> Path | None:
        for file in (self.folder / f"{name}.gz", self.folder / name):
            if file.is_file():
                return file
        return None


def inside(value: Any, *parts: str) -> Any:
    """A value inside nested mappings; null where one of them is null, else `ABSENT`."""
    for part in parts:
        if value is None:
            return None
        if not isinstance(value, dict) or part not in value:
            return ABSENT
        value = value[part]
    return value


def adapted(table: pd.DataFrame, lens: str, model: str) -> pd.DataFrame:
    """A published next-token table with our columns; flags keep their published names."""
    given = table.drop(columns="entropy")  # twice there: `entropy_bits` is the same
    ours = given.rename(columns=COLUMNS).assign(**_keys(table, lens, model))
    for name in (*NUMBERS, "answer_vs_top1_gap"):
        if name in ours:
            ours[name] = pd.to_numeric(ours[name])
    # Ours is the gap to the best other token at every rank; theirs stands in two columns.
    ours["answer_logit_gap"] = ours["answer_logit_gap"].fillna(ours["answer_vs_top1_gap"])
    ours["entropy_gap"] = ours["entropy"] - ours["teacher_entropy"]
    for name in flags_of(table):
        ours[name] = table[name].map(_truth)
    return ours


def adapted_pairs(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """The published table of norm against raw with our columns."""
    return table.rename(columns=PAIR_COLUMNS).assign(**_keys(table, "norm", model))


def trajectories(table: pd.DataFrame) -> Trajectories:
    """Of an adapted next-token table: numbers and copy flags."""
    return Trajectories.of(table, [*NUMBERS, *flags_of(table)])


def flags_of(table: pd.DataFrame) -> list[str]:
    """Columns of copy flags, whatever their thresholds."""
    return [name for name in table.columns if FLAG.match(name)]


def strict_flags(table: pd.DataFrame) -> dict[float, str]:
    """Threshold → column of the strict sweep."""
    found = ((FLAG.match(name), name) for name in flags_of(table))
    return {float(m["threshold"]): name for m, name in found if m and m["k"] is None}


def soft_flags(table: pd.DataFrame, threshold: float) -> dict[int, str]:
    """Window → column of the soft flags at the threshold that the diagnostics name, or at the
    lowest that there is where they name another."""
    found = ((FLAG.match(name), name) for name in flags_of(table))
    soft = [(int(m["k"]), float(m["threshold"]), name) for m, name in found if m and m["k"]]
    levels = {level for _, level, _ in soft}
    if levels and not any(np.isclose(level, threshold) for level in levels):
        threshold = min(levels)
    return {k: name for k, level, name in soft if np.isclose(level, threshold)}


def _keys(table: pd.DataFrame, lens: str, model: str) -> dict[str, Any]:
    control = table["prompt_id"] == "ctl"
    index = pd.to_numeric(table["fact_index"]).fillna(-1).astype(int).astype(str)
    item = (index + "/" + table["prompt_variant"]).mask(control, "control")
    return {"lens": lens, "arm": model, "pair": 0, "seed": 0, "condition": "plain", "item": item}


def _truth(value: object) -> float:
    words = {"True": 1.0, "False": 0.0, "1": 1.0, "0": 0.0}
    return words.get(str(value), np.nan)


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content
