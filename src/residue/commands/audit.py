"""`residue audit`: a config for models that others edited, written out and run.

The config is the product as much as the run: it lies in the results, says what each part is for,
and is what the next run starts from.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residue.core.text import shown
from residue.specs.data import SETS, Columns
from residue.world.jsonl import DataError, Row, read_rows

CONFIG = "audit.yaml"
SYNONYMS = {"question": ("question", "prompt", "q", "input"), "answer": ("answer", "a", "target")}
"""Usual keys of the two parts of an item, the likeliest first."""


def add(commands: Any) -> None:
    """Enter the command in the parser of the command line."""
    told = "audit models that others edited: write a config for them, and run it"
    command = commands.add_parser("audit", help=told, description=told)
    command.add_argument(
        "--model", type=Path, action="append", required=True, metavar="FOLDER",
        help="an edited model, or a LoRA adapter on the base; may be given several times",
    )  # fmt: skip
    for name, needed, text in (
        ("--base", True, "the model before the edit"),
        ("--oracle", False, "a model that never saw what was to be forgotten"),
    ):
        command.add_argument(name, type=Path, required=needed, metavar="FOLDER", help=text)
    command.add_argument(
        "--data", type=Path, required=True, metavar="FILE",
        help="JSONL of what was to be forgotten; also of the rest, where lines name their `set`",
    )  # fmt: skip
    command.add_argument("--retain", type=Path, metavar="FILE", help="JSONL of what was to be kept")
    command.add_argument(
        "--columns", default="", metavar="question=q,…", help="keys of the lines, by their column"
    )
    command.add_argument(
        "--out", type=Path, default=Path("results/audit"), help="folder of the results"
    )
    command.add_argument("--quick", action="store_true", help="outputs alone: no attack, no lens")
    command.add_argument("--cores", type=int, default=2, help="as snakemake takes it")
    command.add_argument("--write-only", action="store_true", help="write the config, run nothing")
    command.set_defaults(run=main)


def main(chosen: argparse.Namespace) -> int:
    """Write the config, say what it asks for, and run it unless told not to."""
    named = dict(each.split("=", 1) for each in chosen.columns.split(",") if "=" in each)
    asked = Asked(
        models=chosen.model, base=chosen.base, data=chosen.data, out=chosen.out,
        retain=chosen.retain, oracle=chosen.oracle, columns=named, quick=chosen.quick,
    )  # fmt: skip
    try:
        config = prepare(asked)
    except (AuditError, DataError) as error:
        sys.exit(shown(str(error), 2000))
    print(f"wrote {shown(config)}: {', '.join(_arms(asked.models))} against {shown(asked.base)}")
    if chosen.write_only:
        print(f"run it: snakemake --cores {chosen.cores} --configfile {shown(config)}")
        return 0
    return run(config, chosen.cores)


class AuditError(ValueError):
    """Folders or files that cannot be audited as given; the message holds the mend."""


@dataclass(frozen=True)
class Asked:
    """What is to be audited."""

    models: Sequence[Path]
    """Folders of edited models, or of LoRA adapters on the base."""
    base: Path
    """Folder of the model before the edit."""
    data: Path
    """JSONL of what was to be forgotten; also of the rest, where lines name their ``set``."""
    out: Path
    """Folder of the results."""
    retain: Path | None = None
    """JSONL of what was to be kept."""
    oracle: Path | None = None
    """Folder of a model that never saw what was to be forgotten."""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Keys of the lines, where they are not called as `data.columns` calls them."""
    quick: bool = False
    """Leave out attacks and everything that looks inside."""


def prepare(asked: Asked) -> Path:
    """Write the config, and the sets of a divided file, into the folder of the results.

    Returns the config's path. `AuditError`, or `DataError` of the reading, says what is wrong.
    """
    for folder in (asked.base, *filter(None, [asked.oracle])):
        if not (folder / "config.json").is_file():
            raise AuditError(f"{shown(folder)} holds no config.json; name a saved model's folder.")
    rows = read_rows(asked.data)[0]
    columns = _columns(rows[0].values, asked.columns)
    asked.out.mkdir(parents=True, exist_ok=True)
    sets = _sets(asked, rows)
    file = asked.out / CONFIG
    file.write_text(_text(asked, _arms(asked.models), sets, columns), encoding="utf-8")
    return file


def run(config: Path, cores: int) -> int:
    """Run Snakemake on the config in the project of this folder; its exit code."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    return subprocess.run([*command, "--configfile", str(config)], check=False).returncode


def _arms(folders: Iterable[Path]) -> dict[str, tuple[str, Path]]:
    """Name of the arm → model or adapter, and its folder."""
    arms: dict[str, tuple[str, Path]] = {}
    for folder in folders:
        kind = "adapter" if (folder / "adapter_config.json").is_file() else "model"
        if kind == "model" and not (folder / "config.json").is_file():
            raise AuditError(
                f"{shown(folder)} holds neither config.json nor adapter_config.json; name the "
                "folder of a saved model or adapter."
            )
        word = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
        name = word if re.match(r"[a-z]", word) else f"model_{word}".rstrip("_")
        if name in ("base", "oracle") or name in arms:
            name = f"{name}_{len(arms) + 1}"
        arms[name] = (kind, folder)
    return arms


def _columns(line: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, str]:
    """Which key of a line is which column: as named, else the column's own name or a usual one."""
    known = [each.name for each in dataclasses.fields(Columns)]
    odd = sorted(set(named) - set(known))
    if odd:
        raise AuditError(f"--columns {odd[0]}: is no column; there are {', '.join(known)}.")
    found = {name: name for name in known if name in line} | dict(named)
    if not {"text", "messages"} & set(found):
        for name, usual in SYNONYMS.items():
            near = next((key for key in usual if key in line), None)
            if name not in found and near is not None:
                found[name] = near
    if not ({"text", "messages"} & set(found) or {"question", "answer"} <= set(found)):
        raise AuditError(
            f"a line holds the keys {', '.join(sorted(line))}; say which is which, e.g. "
            "--columns question=q,answer=a,cluster=author."
        )
    return found


def _sets(asked: Asked, rows: Sequence[Row]) -> dict[str, Path]:
    """Set → its file; a file whose lines name their set is divided."""
    if asked.retain is not None:
        return {"forget": asked.data, "retain": asked.retain}
    lines: dict[str, list[str]] = {}
    for row in rows:
        name = row.values.get("set")
        if name not in SETS:
            raise AuditError(
                f"{shown(asked.data)}, line {row.line}: names no set, so what is to be kept is not "
                f"known; add --retain FILE, or the key `set` ({', '.join(SETS)}) to every line."
            )
        lines.setdefault(name, []).append(json.dumps(row.values, ensure_ascii=False))
    for name in ("forget", "retain"):
        if name not in lines:
            raise AuditError(f"{shown(asked.data)}: no line is of the set '{name}'; add some.")
    files = {name: asked.out / "sets" / f"{name}.jsonl" for name in SETS if name in lines}
    (asked.out / "sets").mkdir(exist_ok=True)
    for name, file in files.items():
        file.write_text("\n".join(lines[name]) + "\n", encoding="utf-8")
    return files


def _text(
    asked: Asked,
    arms: Mapping[str, tuple[str, Path]],
    sets: Mapping[str, Path],
    columns: Mapping[str, str],
) -> str:
    """The config, every part with what it is for; JSON texts are YAML texts."""
    oracle = (
        f"  oracle_folder: {_quoted(asked.oracle)} # never saw what was to be forgotten\n"
        if asked.oracle
        else _NO_ORACLE
    )
    given = "".join(
        f"  {name}: {{{kind}: {_quoted(folder)}}}\n" for name, (kind, folder) in arms.items()
    )
    files = "".join(f"  {name}: [{{file: {_quoted(file)}}}]\n" for name, file in sets.items())
    keys = ", ".join(f"{name}: {_quoted(key)}" for name, key in columns.items())
    wordings = "" if "paraphrase" in columns else _ONE_WORDING
    return f"""# Written by `residue audit`; change it as you like and run
#     snakemake --cores 2 --configfile {asked.out / CONFIG}
# Every key stands in config/README.md.
out: {_quoted(asked.out)}

# What the edited models are compared with: the model before the edit.
model:
  source: local
  folder: {_quoted(asked.base)}
{oracle}
# The models to audit. Their weights are copied into the results, in the place of the base's.
arms:
{given}
# What was to be forgotten and what was to be kept, one JSON object per line.
data:
  columns: {{{keys}}}
{files}{wordings}{_QUICK if asked.quick else _WHOLE}"""


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


_NO_ORACLE = """\
  # oracle_folder: a model that never saw what was to be forgotten. Without one, what forgetting
  # should look like is not known, and claims against it are inconclusive.
"""
_ONE_WORDING = """
# With one wording per item nothing else can decide whether the base knew it: all items count.
# Name a column `paraphrase` and take this out.
measures:
  known: {least: 0}
"""
_QUICK = """
# Outputs alone: nothing is attacked and no lens looks inside. Take these lines out for the rest.
conditions: {relearn_other: null, nf4: null}
lens: {decoders: []}
patching: {arms: []}
witness: {arms: []}
"""
_WHOLE = """
# Attacks (relearning, 4 bits) and lenses are on by default; to ask for outputs alone:
# conditions: {relearn_other: null, nf4: null}
# lens: {decoders: []}
# patching: {arms: []}
# witness: {arms: []}
"""
