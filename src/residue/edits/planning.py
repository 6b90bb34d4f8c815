"""How much memory the jobs of a run will take, as a table; see `residue.models.memory`.

One row for opening a model, one for recording and one for streams, one per update of an arm's step
and of an attack that trains. A plan is an upper bound of what torch's
allocator hands out: every sequence is taken as long as the longest of its group.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.answers import Example, buckets
from residue.edits.batches import Batch, Batches
from residue.edits.feed import Shown, fed_by
from residue.models.memory import (
    FULL,
    GIB,
    MemoryPlanError,
    Plan,
    Shape,
    kept_bytes,
    on_meta,
    opening,
    reading,
    shape_of,
    training,
    verdict,
)
from residue.models.opening import chosen_dtype, stored_dtype
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.model import LoadSpec

if TYPE_CHECKING:
    import pandas as pd

RECORDED = 4096
"""Padded tokens that the recorder reads at once."""
MOST_LOGITS = 1 << 28
"""Logits that it holds at once, at most."""
UPDATES = 4
"""Updates of a step that are laid out; the greediest of them is planned for."""
PARTS = [part.name for part in dataclasses.fields(Plan)]


def plan_run(
    folder: Path,
    load: LoadSpec,
    arms: Mapping[str, ArmSpec],
    shown: Shown,
    *,
    attacks: Mapping[str, Any] | None = None,
    device: str,
    limit: float,
) -> pd.DataFrame:
    """The table: rule, arm (of `attack_arm` the attack), step, at_once (examples forwarded
    together), the parts, total and limit in GiB, share of the limit, verdict.

    folder: holds the base's config.json; attacks: `Attack`s by name; device: where jobs run; limit:
    bytes. A step that is computed, not trained, has no row, and one whose edit names a row that
    only the run will choose is planned at the middle row.
    """
    import pandas as pd

    config = config_of(folder)
    stored = stored_dtype(config.to_dict())
    dtype, _ = chosen_dtype(load.dtype, stored, device)
    shape = shape_of(config, dtype)
    lines = _unedited(config, dtype, shape, load, device, limit)
    for name, arm in arms.items():
        for place, step in enumerate(arm.steps, start=1):
            if step.objective is not None:
                found = _update(config, dtype, shape, _held(step, load), shown, device, limit)
                lines.append({"rule": "train_arm", "arm": name, "step": place, **found})
    # An attacker's facts are of the same wordings, whatever they are taught as.
    taught = dataclasses.replace(shown, data=shown.data.assign(set="retain"))
    for name, attack in (attacks or {}).items():
        if hasattr(attack, "update"):
            step = _held(attack.update(), load)
            found = _update(config, dtype, shape, step, taught, device, limit)
            lines.append({"rule": "attack_arm", "arm": name, "step": 1, **found})
    return pd.DataFrame(lines)


def require_fit(table: pd.DataFrame) -> None:
    """`MemoryPlanError` for the greediest row that cannot fit."""
    over = table[table["share"] > FULL]
    if over.empty:
        return
    row = max(over.to_dict("records"), key=lambda each: float(each["share"]))
    what = f"{row['rule']} of {row['arm']}" if row["arm"] else str(row["rule"])
    own = "train.base: nf4 for training alone, train.recompute: true, train.moments: 8, "
    raise MemoryPlanError(
        f"{what} needs about {row['total']:.2f} GiB of {row['limit']:.2f}: weights "
        f"{row['weights']:.2f}, activations {row['activations']:.2f}, logits {row['logits']:.2f}; "
        f"set model.load.weights: nf4, {own if row['rule'] == 'train_arm' else ''}take smaller "
        "batches or a smaller model, or raise compute.memory_gib"
    )


def memory_of(device: str) -> float:
    """Bytes that jobs on a device can have: the card's, or the machine's."""
    if device == "cuda":
        import torch

        return float(torch.cuda.get_device_properties(0).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def config_of(folder: Path) -> Any:
    """The configuration of a model folder, as `transformers` reads it."""
    from residue.models.lean import lean_transformers

    lean_transformers()
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _unedited(
    config: Any, dtype: str, shape: Shape, load: LoadSpec, device: str, limit: float
) -> list[dict[str, Any]]:
    """Opening a model, recording it, and the stream of its rows."""
    import torch

    length, card, base = 64, device == "cuda", load.weights
    model = on_meta(config, dtype)
    with torch.enable_grad():
        _, one = kept_bytes(model, RECORDED // length, length)
    read = partial(reading, shape, one=one, tokens=RECORDED, base=base, card=card)
    plans = {
        "open": opening(shape, base=base, card=card),
        "record": read(logits=min(MOST_LOGITS, RECORDED * shape.vocabulary)),
        "record_stream": read(logits=0),
    }
    return [
        {"rule": rule, "arm": "", "step": 0, "at_once": 0 if rule == "open" else RECORDED // length}
        | _line(plan, limit)
        for rule, plan in plans.items()
    ]


def _held(step: StepSpec, load: LoadSpec) -> StepSpec:
    """A step with the base held as it was opened."""
    if load.weights == "full":
        return step
    return dataclasses.replace(step, train=dataclasses.replace(step.train, base=load.weights))


def _update(
    config: Any,
    dtype: str,
    shape: Shape,
    step: StepSpec,
    shown: Shown,
    device: str,
    limit: float,
) -> dict[str, Any]:
    """The largest number of examples at once with which the greediest update fits, and its plan;
    one at a time where none does."""
    model = on_meta(config, dtype).requires_grad_(False)
    objective, method = step.built_objective(), step.built_edit()
    if getattr(method, "row", 0) is None:
        method = dataclasses.replace(method, row=shape.layers // 2)
    method.attach(model, seed=0, place=1)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    fed = fed_by(shown, step, model)
    sizes = {role: step.train.batch[role] for role in objective.ROLES}
    drawn = Batches(fed.items, sizes, seed=0)
    views = getattr(objective, "views", None)
    laid_out = [_examples(drawn(number), views) for number in range(UPDATES)]
    at_once = max(len(examples) for examples in laid_out)
    while True:
        plan = max(
            (
                _one_update(model, shape, step, part, trained, device)
                for examples in laid_out
                for part in _greediest(examples, at_once)
            ),
            key=lambda each: each.total,
        )
        if plan.total <= FULL * limit or at_once == 1 or device == "cpu":
            return {"at_once": at_once, **_line(plan, limit)}
        at_once = -(-at_once // 2)


def _examples(batch: Batch, views: Mapping[str, Sequence[int]] | None) -> list[Example]:
    return [
        unit[place]
        for role, units in batch.items()
        for unit in units
        for place in (views or {}).get(role, range(len(unit)))
    ]


def _greediest(examples: Sequence[Example], at_once: int) -> list[list[Example]]:
    """The longest examples that may meet in one micro-batch."""
    return [sorted(examples, key=lambda each: -len(each.ids))[:at_once]]


def _one_update(
    model: Any,
    shape: Shape,
    step: StepSpec,
    examples: Sequence[Example],
    trained: int,
    device: str,
) -> Plan:
    objective = step.built_objective()
    readings = len(objective.rows_of(shape.layers)) if step.lens() else 0
    lengths = [len(example.ids) for example in examples]
    everything = one = tokens = 0
    for group in buckets(lengths):
        longest = max(lengths[place] for place in group)
        held, block = kept_bytes(model, len(group), longest)
        everything, one, tokens = everything + held, max(one, block), tokens + len(group) * longest
    return training(
        shape,
        (everything, one),
        trained=trained,
        tokens=tokens,
        supervised=(1 + readings) * sum(len(each.ids) - each.start for each in examples),
        base=step.train.base,
        recompute=step.train.recompute,
        moments=step.train.moments * len(step.train.turns()),
        card=device == "cuda",
    )


def _line(plan: Plan, limit: float) -> dict[str, Any]:
    parts = {part: getattr(plan, part) / GIB for part in PARTS}
    return {
        **parts,
        "total": plan.total / GIB,
        "limit": limit / GIB,
        "share": plan.total / limit,
        "verdict": verdict(plan, limit),
    }


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal, GiB."""
    names = ["rule", "arm", "step", "at_once", *PARTS, "total", "limit", "share", "verdict"]
    shown = table[names].map(lambda v: f"{v:.3f}" if isinstance(v, float) else str(v))
    widths = {name: max(len(name), *shown[name].str.len()) for name in names}
    head = "  ".join(name.ljust(widths[name]) for name in names)
    lines = [
        "  ".join(str(line[name]).ljust(widths[name]) for name in names)
        for line in shown.to_dict("records")
    ]
    return "\n".join([head, *lines])
