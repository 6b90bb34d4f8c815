"""Dilution of SAE gates: DSG as published against gate v2, on the base of a finished default run.

    python benchmarks/dilution.py [RESULTS] [--write]

Both gates are fitted as an arm fits them, at their defaults. Forget facts in the languages of the
request and kept facts of untouched countries are asked plain and with benign words in front, in
forms under which the base itself still answers: a form that confuses the base measures nothing.
Success of the attack is the share of forget facts that the gated model answers although the gate
should block them; benign loss is what the gate takes off the kept facts, beside the base asked
alike. Intervals are over countries.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parent / "dilution.md"
GATES = ("dsg", "gate_v2")
FORMS = {
    "plain": "{prompt}",
    "the question twice": "{prompt} {prompt}",
    "`a` 8 times before": "a " * 8 + "{prompt}",
    "`a` 16 times before": "a " * 16 + "{prompt}",
    "`the` 16 times before": "the " * 16 + "{prompt}",
    "a kept fact before": "{fact} {prompt}",
}
"""Prompts by name; {fact} is a touched country's fact in the same language, with its answer."""


def asked(results: Path, splits: tuple[str, ...]) -> Any:
    """One seen wording of each fact of the splits in the languages of the edit data."""
    from residue.core.artifacts import read_parquet

    deck = read_parquet(results / "world" / "decks" / "facts.parquet")
    shown = read_parquet(results / "world" / "edit_data.parquet")
    spoken = deck["language"].isin(set(shown.loc[shown["set"] == "forget", "language"]))
    plain = (deck["style"] == "plain") & (deck["family"] == "seen")
    one = deck[deck["split"].isin(splits) & spoken & plain]
    return one.drop_duplicates(["country", "relation", "language"]).reset_index(drop=True)


def facts_before(results: Path, items: Any) -> list[str]:
    """For each item a touched country's fact in its language, drawn by the item's name."""
    from residue.core.artifacts import read_parquet
    from residue.core.seeds import derive

    shown = read_parquet(results / "world" / "edit_data.parquet")
    kept = shown[(shown["set"] == "retain") & ~shown["item"].str.contains("instruction")]
    found = []
    for item, language in zip(items["item"], items["language"], strict=True):
        mine = kept[kept["language"] == language]
        row = mine.iloc[derive("dilution", item) % len(mine)]
        found.append(f"{row['prompt']} {row['answer']}")
    return found


def rate(model: Any, tokenizer: Any, items: Any, prompts: list[str]) -> str:
    """Share answered exactly, with its 95 % interval over countries."""
    import pandas as pd
    import torch

    from residue.edits.answers import encode, score
    from residue.stats.bounded import bounded_mean

    examples = [
        encode(tokenizer, item, prompt, answers[0])
        for item, prompt, answers in zip(items["item"], prompts, items["answers"], strict=True)
    ]
    with torch.no_grad():
        right = score(model, examples).exact.float().tolist()
    means = pd.Series(right).groupby(items["country"].to_numpy()).mean()
    found = bounded_mean(means.to_numpy(), (0.0, 1.0))
    return f"{means.mean():.3f} [{found.low:.3f}, {found.high:.3f}]"


def rows(results: Path) -> list[tuple[str, ...]]:
    """(form, group, base, DSG, gate v2) of every form and group."""
    from residue.core import methods
    from residue.core.artifacts import read_parquet
    from residue.edits.batches import pools
    from residue.edits.fitting import FitData, read_layers
    from residue.models.loading import load_model
    from residue.specs.arms import EDITS

    base = results / "models" / "pair0" / "base"
    model, tokenizer = load_model(base, device="cpu")
    shown = read_parquet(results / "world" / "edit_data.parquet")
    layers = read_layers(results / "representation" / "pair0" / "layers.json")
    saes = [results / "sae" / "pair0" / f"choice{number}" for number in range(len(layers))]
    data = FitData(model, pools(tokenizer, shown), shown, layers=layers, saes=saes, base=base)
    groups = {"forget": ("forget_test", "forget_relearn"), "kept, untouched": ("retain_untouched",)}
    items = {name: asked(results, splits) for name, splits in groups.items()}
    prompts = {
        (form, name): [
            text.format(prompt=prompt, fact=fact)
            for prompt, fact in zip(part["prompt"], facts_before(results, part), strict=True)
        ]
        for form, text in FORMS.items()
        for name, part in items.items()
    }
    said: dict[tuple[str, str], list[str]] = {key: [] for key in prompts}
    for gate in ("base", *GATES):
        if gate != "base":
            method = methods.load(EDITS, gate).Edit()
            edit = method.fit(model, tokenizer, data, seed=0, place=1)
        for key, texts in prompts.items():
            said[key].append(rate(model, tokenizer, items[key[1]], texts))
        if gate != "base":
            edit.detach()
    return [(*key, *values) for key, values in said.items()]


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    arguments = parser.parse_args()
    head = ["| form | asked | base | DSG as published | gate v2 |", "|---|---|---|---|---|"]
    table = "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows(arguments.results))])
    print(table)
    if arguments.write:
        text = OUTPUT.read_text(encoding="utf-8")
        before, after = text.partition("| form |")[0], text.rpartition("|\n")[2]
        OUTPUT.write_text(f"{before}{table}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
