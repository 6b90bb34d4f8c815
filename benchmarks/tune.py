"""An equal tuning budget for every objective, on dev countries only, on the default run's base.

    python benchmarks/tune.py [RESULTS] [--write]     # after a default run; `make tune`

Each objective gets the same number of trials, updates and items, with LoRA and one training seed
that no shipped arm uses. A trial trains as an arm does and is judged by the dev facts of the edit
data at its end: forget dev facts asked in other templates than those trained, and kept dev facts
that no retain row shows. Chosen is the trial whose worse side is best. Defences are judged by the
dev items of the defence data: chosen is the trial whose best look has the highest value. Nothing
else is looked at.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parents[1] / "docs" / "tuning.md"
TABLES = ("tuning", "defences", "settings")
"""Names of the tables between marks in that file."""
SEED = 1000
"""Training seed of all trials; arms count theirs from 0."""
STEPS = 80
"""Updates per trial, the default of an arm."""

TRIALS: dict[str, tuple[dict[str, Any], ...]] = {
    "npo": (
        {"beta": 6.0, "retain_weight": 2.5},
        {"beta": 2.0, "retain_weight": 2.5},
        {"beta": 6.0, "retain_weight": 5.0},
        {"beta": 6.0, "retain_weight": 2.5, "retain": "kl"},
    ),
    "simnpo": (
        {"beta": 4.5, "margin": 0.0, "retain_weight": 2.5},
        {"beta": 4.5, "margin": 2.0, "retain_weight": 2.5},
        {"beta": 2.0, "margin": 2.0, "retain_weight": 5.0},
        {"beta": 4.5, "margin": 1.0, "retain_weight": 5.0},
    ),
    "gradient_difference": (
        {"forget_weight": 1.0, "retain_weight": 1.0},
        {"forget_weight": 0.1, "retain_weight": 1.0},
        {"forget_weight": 0.03, "retain_weight": 1.0},
        {"forget_weight": 0.1, "retain_weight": 1.0, "retain": "kl"},
    ),
    "dpo": (
        {"beta": 0.1, "retain_weight": 2.5},
        {"beta": 0.5, "retain_weight": 2.5},
        {"beta": 0.02, "retain_weight": 2.5},
        {"beta": 0.05, "retain_weight": 5.0},
    ),
    "rmu": (
        {"row": 3, "coefficient": 2.0, "retain_weight": 10.0},
        {"row": 5, "coefficient": 2.0, "retain_weight": 10.0},
        {"row": 3, "coefficient": 4.0, "retain_weight": 40.0},
        {"row": 5, "coefficient": 4.0, "retain_weight": 40.0},
    ),
    "altpo": (
        {"beta": 0.5, "retain": "kl"},
        {"beta": 0.1, "retain": "kl"},
        {"beta": 2.0, "retain": "kl"},
        {"beta": 0.5, "retain": "kl", "retain_weight": 1.0},
    ),
    "idknll": (
        {"retain": "kl"},
        {"retain": "kl", "retain_weight": 1.0},
        {"retain": "kl", "retain_weight": 10.0},
        {"retain": "nll"},
    ),
    "undial": (
        {"beta": 10.0, "retain": "kl"},
        {"beta": 20.0, "retain": "kl"},
        {"beta": 5.0, "retain": "kl"},
        {"beta": 10.0, "retain": "kl", "retain_weight": 1.0},
    ),
    "wga": (
        {"beta": 1.0, "retain": "kl"},
        {"beta": 0.5, "retain": "kl"},
        {"beta": 2.0, "retain": "kl"},
        {"beta": 1.0, "retain": "kl", "retain_weight": 10.0},
    ),
    "satimp": (
        {"beta1": 1.0, "beta2": 0.1, "retain": "kl"},
        {"beta1": 1.0, "beta2": 0.0, "retain": "kl"},
        {"beta1": 0.5, "beta2": 0.1, "retain": "kl"},
        {"beta1": 1.0, "beta2": 0.1, "retain": "kl", "retain_weight": 10.0},
    ),
    "ceu": (
        {"retain": "kl"},
        {"retain": "kl", "retain_weight": 1.0},
        {"retain": "kl", "retain_weight": 10.0},
        {"retain": "nll"},
    ),
    "pdu": ({}, {"limit": 0.02}, {"limit": 0.1}, {"forget_weight": 0.3}),
    "bounded": (
        {"bound": 5.0, "retain": "kl"},
        {"bound": 2.0, "retain": "kl"},
        {"bound": 5.0, "retain": "kl", "retain_weight": 10.0},
        {"bound": 2.0, "retain": "kl", "retain_weight": 10.0},
    ),
    "latent_adversarial": (
        {"retain": "kl", "retain_weight": 2.5, "bound": 0.3},
        {"retain": "kl", "retain_weight": 2.5},
        {"retain": "kl", "retain_weight": 10.0},
        {"retain": "kl"},
    ),
    "tuned_lens_npo": (
        {"beta": 3.0, "retain": "kl"},
        {"beta": 6.0, "retain": "kl"},
        {"beta": 3.0, "retain": "kl", "rows": (5, 6)},
        {"beta": 3.0, "retain": "kl", "retain_weight": 1.0},
    ),
}

DEFENCES: dict[str, tuple[dict[str, Any], ...]] = {
    "invariant": ({}, {"keep_weight": 3.0}),
    "struq": ({}, {"keep_weight": 3.0}),
    "secalign": ({}, {"keep_weight": 3.0}),
    "infonce": ({}, {"keep_weight": 3.0}),
    "triplet": ({}, {"keep_weight": 3.0}),
    "contrastive": ({}, {"keep_weight": 3.0}),
}
"""Options that differ from their default."""
BATCH = {"twin": 20, "keep": 20}
SHOWN = ("dev_right", "dev_obeyed", "dev_clean", "dev_keep", "dev_bound", "best_value")
INNER = ("retrieval", "rank")


HELD: dict[str, Any] = {"name": "npo", "beta": 3.0, "retain": "kl"}
LONGER = {"steps": 100, "batch": {"forget": 32, "retain": 64}}
WIDE = {"name": "lora", "rank": 64, "alpha": 128.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "LoRA of rank 16, kept facts taught": {},
    "all weights, kept facts taught": {"edit": "full", "train": {"learning_rate": 5e-4}},
    "LoRA of rank 16": {"objective": {**HELD, "retain_weight": 1.0}},
    "LoRA of rank 64": {"edit": WIDE, "objective": {**HELD, "retain_weight": 2.0}, "train": LONGER},
    "all weights": {
        "edit": "full",
        "objective": {**HELD, "retain_weight": 2.0},
        "train": {**LONGER, "learning_rate": 1e-3},
    },
}
"""Settings of the default arm; but for the first two, kept and made-up facts are held by KL."""


def defence_trial(results: Path, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Train a defence once; its best look at the dev items, what it cost, or why it broke off."""
    from residue.core.artifacts import read_parquet
    from residue.edits.recipes import train_arm
    from residue.edits.updates import TrainingError
    from residue.specs.arms import ArmSpec, StepSpec
    from residue.specs.training import TrainSpec

    train = TrainSpec(steps=STEPS, batch=BATCH, choose="best")
    step = StepSpec(objective={"name": name, **options}, train=train)
    world = results / "world"
    data = read_parquet(world / "edit_data.parquet"), read_parquet(world / "defence_data.parquet")
    base = results / "models" / "pair0" / "base"
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as home:
        try:
            _, history = train_arm(
                base, ArmSpec(steps=(step,)), *data, arm=name, pair=0, seed=SEED, home=home
            )
        except TrainingError as error:
            return {"name": name, "options": options, "fault": str(error)}
    best = history[history["step"] == history["best_step"].dropna().iloc[-1]].iloc[0]
    told = {key: float(best[key]) for key in (*SHOWN, *INNER) if key in best}
    seconds = time.process_time() - begun
    return {"name": name, "options": options, "seconds": seconds, "fault": "", **told}


def defence_table(trials: list[dict[str, Any]]) -> str:
    """The defences' trials as Markdown, chosen ones in bold."""
    heads = ["right", "obeyed", "clean", "keep", "bound", "value", *INNER, "CPU-s"]
    lines = [
        f"| objective | options tried | {' | '.join(heads)} |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for name in dict.fromkeys(done["name"] for done in trials):
        mine = [done for done in trials if done["name"] == name]
        best = max(mine, key=lambda done: done.get("best_value", -2.0))
        for done in mine:
            told = ", ".join(f"{key} {value}" for key, value in done["options"].items())
            mark = "**" if done is best else ""
            numbers = [f"{done[key]:.3f}" if key in done else "–" for key in (*SHOWN, *INNER)]
            numbers.append(f"{done['seconds']:.0f}" if "seconds" in done else "broke off")
            lines.append(f"| `{name}` | {mark}{told or 'defaults'}{mark} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def trial(
    results: Path,
    name: str,
    options: dict[str, Any],
    edit: Any = "lora",
    train: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train once; the dev shares at the end, what it cost, or why it broke off."""
    from residue.core.artifacts import read_parquet
    from residue.edits.recipes import train_arm
    from residue.edits.updates import TrainingError
    from residue.specs.arms import ArmSpec, StepSpec
    from residue.specs.training import TrainSpec

    step = StepSpec(
        edit=edit,
        objective={"name": name, **options},
        train=TrainSpec(**{"steps": STEPS, **(train or {})}),
    )
    data = read_parquet(results / "world" / "edit_data.parquet")
    base = results / "models" / "pair0" / "base"
    lens = results / "lens" / "pair0" / "base" / f"{step.lens()}.safetensors"
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as home:
        try:
            _, history = train_arm(
                base,
                ArmSpec(steps=(step,)),
                data,
                arm=name,
                pair=0,
                seed=SEED,
                home=home,
                lens=lens if step.lens() else None,
            )
        except TrainingError as error:
            return {"name": name, "options": options, "fault": str(error)}
    last = history.dropna(subset=["dev_forget"]).iloc[-1]
    return {
        "name": name,
        "options": options,
        "forget": float(last["dev_forget"]),
        "retain": float(last["dev_retain"]),
        "seconds": time.process_time() - begun,
        "fault": "",
    }


def worse_side(done: dict[str, Any]) -> float:
    """The worse of what was forgotten and what was kept; a trial that broke off has none."""
    return -1.0 if done["fault"] else min(1 - done["forget"], done["retain"])


def table(trials: list[dict[str, Any]]) -> str:
    """The trials as Markdown, chosen ones in bold."""
    lines = [
        "| objective | options tried | dev forget | dev retain | worse side | CPU-s |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(done["name"] for done in trials):
        mine = [done for done in trials if done["name"] == name]
        best = max(mine, key=worse_side)
        for done in mine:
            options = ", ".join(f"{key} {value}" for key, value in done["options"].items())
            mark = "**" if done is best else ""
            if done["fault"]:
                lines.append(f"| `{name}` | {options} | broke off: {done['fault']} | – | – | – |")
                continue
            lines.append(
                f"| `{name}` | {mark}{options}{mark} | {done['forget']:.3f} | {done['retain']:.3f} "
                f"| {mark}{worse_side(done):.3f}{mark} | {done['seconds']:.0f} |"
            )
    return "\n".join(lines)


def setting(results: Path, name: str) -> dict[str, Any]:
    """A trial of one of the `SETTINGS`."""
    said = SETTINGS[name]
    options = {key: value for key, value in said.get("objective", {}).items() if key != "name"}
    done = trial(results, "npo", options, said.get("edit", "lora"), said.get("train"))
    return {**done, "name": name}


def settings_table(trials: list[dict[str, Any]]) -> str:
    """The settings as Markdown."""
    lines = ["| setting | dev forget | dev retain | worse side | CPU-s |", "|---|---|---|---|---|"]
    lines += [
        f"| {done['name']} | {done['forget']:.3f} | {done['retain']:.3f} "
        f"| {worse_side(done):.3f} | {done['seconds']:.0f} |"
        for done in trials
        if not done["fault"]
    ]
    return "\n".join(lines)


def main() -> None:
    """Run every trial, print each, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--write", action="store_true", help="write docs/tuning.md")
    parser.add_argument("--only", nargs="*", default=[*TRIALS, *DEFENCES], help="objectives")
    parser.add_argument("--settings", action="store_true", help="those of the default arm too")
    arguments = parser.parse_args()
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for name in arguments.only:
        defends = name in DEFENCES
        run, grid = (defence_trial, DEFENCES) if defends else (trial, TRIALS)
        for options in grid[name]:
            told = run(arguments.results, name, options)
            print(json.dumps(told), flush=True)
            done["defences" if defends else "tuning"].append(told)
    if arguments.settings:
        done["settings"] = [setting(arguments.results, name) for name in SETTINGS]
    tables = {"tuning": table, "defences": defence_table, "settings": settings_table}
    for name, trials in done.items():
        if not trials:
            continue
        written = tables[name](trials)
        print(written)
        if arguments.write:
            start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
            text = OUTPUT.read_text(encoding="utf-8")
            head, _, rest = text.partition(start)
            _, _, tail = rest.partition(end)
            OUTPUT.write_text(f"{head}{start}\n{written}\n{end}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
