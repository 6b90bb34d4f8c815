"""Every objective against numbers by hand, its limits, and the faults that others shipped."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core import methods
from residue.edits.answers import Example, Scores
from residue.edits.batches import Batch, micro_batches, preferences
from residue.edits.methods.lora import Edit
from residue.edits.objectives.dpo import Objective as Dpo
from residue.edits.objectives.gradient_ascent import Objective as Ascent
from residue.edits.objectives.gradient_difference import Objective as Difference
from residue.edits.objectives.latent_adversarial import Objective as Latent
from residue.edits.objectives.npo import Objective as Npo
from residue.edits.objectives.rmu import Objective as Rmu
from residue.edits.objectives.rmu import direction
from residue.edits.objectives.simnpo import Objective as SimNpo
from residue.edits.rows import bent_scores, read_rows
from residue.edits.step import Step
from residue.edits.terms import kl
from residue.models.blocks import row_hooks
from residue.specs.arms import OBJECTIVES
from residue.specs.fields import SpecError

NAMES = methods.names(OBJECTIVES)
FORGET = [
    (Example("f1", (1, 5, 6, 7, 8, 2), 3), Example("f1", (1, 5, 6, 20, 2), 3)),
    (Example("f2", (1, 9, 10, 2), 2), Example("f2", (1, 9, 21, 22, 23, 2), 2)),
    (Example("f3", (1, 9, 14, 15, 4, 2), 4), Example("f3", (1, 9, 14, 15, 24, 2), 4)),
]
RETAIN = [
    (Example("r1", (1, 4, 11, 12, 2), 2),),
    (Example("r2", (1, 4, 13, 2), 3),),
]
TWINS = [
    (
        Example("t1", (1, 5, 6, 7, 8, 2), 3),
        Example("t1", (1, 5, 6, 20, 21, 7, 8, 2), 5),
        Example("t1", (1, 5, 6, 20, 21, 22, 2), 5),
    ),
    (
        Example("t2", (1, 9, 10, 11, 2), 3),
        Example("t2", (1, 9, 10, 23, 11, 2), 4),
        Example("t2", (1, 9, 10, 23, 24, 25, 2), 4),
    ),
    (
        Example("t3", (1, 12, 10, 13, 2), 3),
        Example("t3", (1, 12, 10, 26, 13, 2), 4),
        Example("t3", (1, 12, 10, 26, 24, 2), 4),
    ),
]
BATCH: Batch = {"forget": FORGET, "retain": RETAIN, "twin": TWINS, "keep": RETAIN}


def built(name: str, **options: Any) -> Any:
    kind = methods.load(OBJECTIVES, name).Objective
    if "row" in {field.name for field in dataclasses.fields(kind)}:
        options = {"row": 1, **options}
    return kind(**options)


@pytest.fixture
def exact(loaded: tuple[Any, Any]) -> tuple[Any, Any]:
    """A model in float64 with an adapter that has an effect."""
    model, _ = loaded
    model.double()
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    source = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight.data = weight.data.double()
            weight += 0.1 * torch.randn(weight.shape, generator=source)
    return model, adapter


def step_of(exact: tuple[Any, Any], batch: Batch = BATCH, whole: Batch | None = None) -> Step:
    model, adapter = exact
    return Step(model, adapter.detached, batch, whole or batch, teacher=adapter.detached)


def flat(loss: torch.Tensor, adapter: Any) -> torch.Tensor:
    weights = list(adapter.parameters().values())
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    full = [torch.zeros_like(w) if g is None else g for g, w in zip(grads, weights, strict=True)]
    return torch.cat([g.reshape(-1) for g in full])


class Said:
    """A step whose log-probabilities are given: forget answers, alternates, retain."""

    def __init__(self, policy: list[list[float]], reference: list[list[float]]) -> None:
        self.views = [self._answers(p, r) for p, r in zip(policy, reference, strict=True)]

    @property
    def forget(self) -> Any:
        return self.views[0]

    @property
    def retain(self) -> Any:
        return self.views[-1]

    def answers(self, role: str, view: int) -> Any:
        return self.views[view]

    @staticmethod
    def _answers(policy: list[float], reference: list[float]) -> Any:
        lengths = torch.tensor([1.0, 3.0])

        def scores(sums: list[float]) -> Any:
            total = torch.tensor(sums, dtype=torch.float64)
            means = total / lengths
            return SimpleNamespace(sums=total, means=means, tokens=total / 4)

        return SimpleNamespace(
            policy=scores(policy),
            reference=scores(reference),
            item_mean=lambda values: values.sum() / 2,
            token_mean=lambda values: values.sum() / 4,
        )


POLICY, REFERENCE = [[-2.0, -6.0], [-1.0, -3.0], [-0.4, -0.8]], [[-1.0, -3.0], [-4.0, -5.0], [0, 0]]


def log_sigma(x: float) -> float:
    return -math.log1p(math.exp(-x))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Ascent(), (-2.0 - 6.0) / 2),
        (Difference(retain_weight=0.0), (-2.0 - 6.0) / 2),
        # Δ = −1, −3
        (Npo(beta=0.5), -2 / 0.5 * (log_sigma(0.5 * 1) + log_sigma(0.5 * 3)) / 2),
        # ℓ = 2/1 and 6/3 nats per token, δ = 0.5
        (SimNpo(beta=4.5, margin=0.5), -2 / 4.5 * log_sigma(4.5 * (2.0 - 0.5))),
        # Δ(alternate) = 3, 2 and Δ(y) = −1, −3
        (Dpo(beta=0.5), -2 / 0.5 * (log_sigma(0.5 * 4) + log_sigma(0.5 * 5)) / 2),
    ],
    ids=lambda value: type(value).__module__.rpartition(".")[2],
)
def test_forget_terms_are_their_formulas(objective: Any, expected: float) -> None:
    _, parts = objective.loss(Said(POLICY, REFERENCE))
    assert parts["forget"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("objective", [Npo(), SimNpo(), Dpo(), Difference()])
def test_the_total_is_the_weighted_sum(objective: Any) -> None:
    objective = dataclasses.replace(objective, forget_weight=2.0, retain_weight=3.0)
    total, parts = objective.loss(Said(POLICY, REFERENCE))
    assert parts["retain"].item() == pytest.approx((0.4 + 0.8) / 16, abs=1e-6)
    assert total.item() == pytest.approx(2 * parts["forget"].item() + 3 * parts["retain"].item())


def test_npo_tends_to_ascent_and_dpo_to_npo(exact: tuple[Any, Any]) -> None:
    _, adapter = exact
    ascent = flat(Ascent().loss(step_of(exact))[0], adapter)
    gaps = []
    for beta in (1e-2, 1e-3):
        pushed = flat(Npo(beta=beta, retain_weight=0.0).loss(step_of(exact))[0], adapter)
        gaps.append(float((pushed - ascent).norm() / ascent.norm()))
    assert gaps[1] < 2e-3
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)  # first order in β
    # With alternates that the reference and the policy say alike, DPO is NPO.
    alike = Said([POLICY[0], [-1.0, -3.0], POLICY[2]], [REFERENCE[0], [-1.0, -3.0], [0, 0]])
    got, want = (each.loss(alike)[1]["forget"] for each in (Dpo(beta=0.7), Npo(beta=0.7)))
    assert got.item() == pytest.approx(want.item(), abs=1e-12)


@pytest.mark.parametrize("name", ["npo", "simnpo", "dpo", "latent_adversarial"])
def test_pushes_let_go(name: str) -> None:
    """The gradient on a forget answer falls to 0 as it becomes unlikely."""
    objective = built(name, beta=2.0)
    slopes = []
    for far in (0.0, -4.0, -40.0):
        sums = torch.tensor([far, far], dtype=torch.float64, requires_grad=True)
        said = Said([[0.0, 0.0]] * 3, [[0.0, 0.0]] * 3)
        said.forget.policy.sums = sums
        said.forget.policy.means = sums / torch.tensor([1.0, 3.0])
        said.forget.bent = lambda *_: said.forget.policy  # noqa: B023
        loss, _ = objective.loss(said)
        slopes.append(float(torch.autograd.grad(loss, sums)[0].abs().max()))
    assert slopes[0] > slopes[1] > slopes[2]
    assert slopes[2] < 1e-9


IN_BATCH = ("contrastive", "infonce", "invariant", "triplet")
"""Objectives that compare the items of one micro-batch with each other."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_BATCH])
def test_micro_batches_add_up_to_the_whole(name: str, exact: tuple[Any, Any]) -> None:
    _, adapter = exact
    objective = built(name)
    batch = {role: BATCH[role] for role in objective.ROLES}
    whole, parts = objective.loss(step_of(exact, batch))
    wanted, gradient = float(whole.detach()), flat(whole, adapter)
    loss, grad = torch.zeros(()).double(), torch.zeros(())
    sums: dict[str, float] = dict.fromkeys(parts, 0.0)
    count = 0
    for micro in micro_batches(batch, 2):
        share, shares = objective.loss(step_of(exact, micro, batch))
        loss, grad = loss + share.detach(), grad + flat(share, adapter)
        sums = {part: sums[part] + float(value.detach()) for part, value in shares.items()}
        count += 1
    assert count > 1 or len(batch) == 1
    assert float(loss) == pytest.approx(wanted, abs=1e-9)
    assert sums == pytest.approx(
        {part: float(value.detach()) for part, value in parts.items()}, abs=1e-9
    )
    torch.testing.assert_close(grad, gradient, atol=1e-9, rtol=1e-7)


HELD_APART = ("latent_adversarial", "wga", "satimp", "ceu")
"""Objectives with a part that no gradient passes: a bend, a weight, a target."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HELD_APART])
def test_gradients_are_those_of_the_loss(name: str, exact: tuple[Any, Any]) -> None:
    """Central differences along a random direction."""
    _, adapter = exact
    objective = built(name)
    grad = flat(objective.loss(step_of(exact))[0], adapter)
    source = torch.Generator().manual_seed(3)
    way = torch.randn(grad.shape, generator=source, dtype=torch.float64)
    way /= way.norm()

    def at(distance: float) -> float:
        start = 0
        with torch.no_grad():
            for weight in adapter.parameters().values():
                part = way[start : start + weight.numel()].view_as(weight)
                weight += distance * part
                start += weight.numel()
        return float(objective.loss(step_of(exact))[0].detach())

    # Norms and rotations run in float32, so that a smaller distance would measure rounding.
    size = 2e-3
    slope = (at(size) - at(-2 * size)) / (2 * size)  # the weights are at +size by then
    assert slope == pytest.approx(float(grad @ way), rel=2e-2, abs=1e-3)


@contextmanager
def head_shifted(model: Any, by: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    handle = model.get_output_embeddings().register_forward_hook(lambda _m, _i, out: by(out))
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("name", NAMES)
def test_raw_logits_play_no_part(name: str, exact: tuple[Any, Any]) -> None:
    """A constant added to all logits of a place is no change: losses read log-probabilities.

    MUSE's NPO and KL read raw logits (muse_bench #2, #5).
    """
    model, _ = exact
    objective = built(name)
    options = {field.name for field in dataclasses.fields(objective)}
    for held in ("retain", "keep"):
        if held in options:
            objective = dataclasses.replace(objective, **{held: "kl"})
    plain = objective.loss(step_of(exact))[0].detach()
    with head_shifted(model, lambda out: out + 7.5):
        shifted = objective.loss(step_of(exact))[0].detach()
    assert float(shifted) == pytest.approx(float(plain), abs=1e-8)


@pytest.mark.parametrize("retain", ["nll", "kl"])
def test_prompts_and_pads_play_no_part(retain: Any, exact: tuple[Any, Any]) -> None:
    """A term is a mean over answer tokens, whatever pads them and however long their prompts are.

    UNDIAL in open-unlearning averages over prompt and pad tokens as well.
    """
    objective = Npo(retain=retain)
    long = (Example("r3", (1, *range(4, 24), 25, 2), 21),)
    alone = [
        float(objective.loss(step_of(exact, {**BATCH, "retain": [views]}))[1]["retain"].detach())
        for views in (*RETAIN, long)
    ]
    together = objective.loss(step_of(exact, {**BATCH, "retain": [*RETAIN, long]}))[1][
        "retain"
    ].detach()
    tokens = [len(views[0].ids) - views[0].start for views in (*RETAIN, long)]
    mean = sum(a * n for a, n in zip(alone, tokens, strict=True)) / sum(tokens)
    assert float(together) == pytest.approx(mean, abs=1e-9)


def scores_of(logits: torch.Tensor) -> Scores:
    n = len(logits)
    return Scores(logits, torch.zeros(n, dtype=torch.int64), torch.arange(n), n)


def test_kl_is_that_of_the_reference_over_the_vocabulary_and_has_a_direction() -> None:
    p, q = torch.tensor([[[0.7, 0.2, 0.1]], [[0.2, 0.3, 0.5]]], dtype=torch.float64)
    by_hand = sum(a * math.log(a / b) for a, b in zip(p[0].tolist(), q[0].tolist(), strict=True))
    assert kl(scores_of(p.log()), scores_of(q.log() + 3)).item() == pytest.approx(by_hand, abs=1e-9)
    assert kl(scores_of(q.log()), scores_of(p.log())).item() != pytest.approx(by_hand, abs=1e-2)


def test_kl_retain_starts_at_zero_and_is_per_token(exact: tuple[Any, Any]) -> None:
    model, adapter = exact
    same = Step(model, nullcontext, BATCH, BATCH)
    assert float(Npo(retain="kl").loss(same)[1]["retain"].detach()) == pytest.approx(0, abs=1e-12)
    step = step_of(exact)
    said, by = step.retain.reference.logits, step.retain.policy.logits
    each = (said.softmax(1) * (said.log_softmax(1) - by.log_softmax(1))).sum(1)
    got = float(Npo(retain="kl").loss(step_of(exact))[1]["retain"].detach())
    assert got == pytest.approx(float(each.mean().detach()), abs=1e-6)
    assert len(each) == sum(len(views[0].ids) - views[0].start for views in RETAIN)


def test_means_divide_each_answer_by_its_own_length(exact: tuple[Any, Any]) -> None:
    scores = step_of(exact).forget.policy
    lengths = [len(views[0].ids) - views[0].start for views in FORGET]
    torch.testing.assert_close(scores.means, scores.sums / torch.tensor(lengths))


def test_rmu_is_its_formula(exact: tuple[Any, Any]) -> None:
    model, adapter = exact
    objective = Rmu(row=1, coefficient=2.5, retain_weight=4.0, direction=3)
    total, parts = objective.loss(step_of(exact))
    u = direction(3, 32).double()

    def rows(example: Example) -> torch.Tensor:
        with torch.no_grad(), row_hooks(model) as held:
            model(input_ids=torch.tensor([example.ids]))
        return held[1][0, 1:]

    def mean(units: Any, *, steer: bool) -> float:
        found = []
        for views in units:
            now = rows(views[0])
            with adapter.detached():
                was = rows(views[0])
            norm = was.norm(dim=1, keepdim=True)
            target = 2.5 * norm * u if steer else was
            found += ((now - target) / norm).square().sum(1).tolist()
        return sum(found) / len(found)

    forget, retain = mean(FORGET, steer=True), mean(RETAIN, steer=False)
    assert parts["forget"].item() == pytest.approx(forget, abs=1e-6)
    assert parts["retain"].item() == pytest.approx(retain, abs=1e-6)
    assert total.item() == pytest.approx(forget + 4 * retain, abs=1e-6)


def test_rmu_steers_to_a_unit_vector_of_any_orthant() -> None:
    """Draws from [0, 1) would all lie in one orthant, and so be much alike."""
    drawn = torch.stack([direction(number, 64) for number in range(40)])
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(40))
    assert 0.4 < float((drawn < 0).float().mean()) < 0.6
    assert torch.equal(direction(5, 64), direction(5, 64))
    between = (drawn @ drawn.T)[~torch.eye(40, dtype=torch.bool)]
    assert float(between.mean().abs()) < 0.05


def test_rmu_needs_weights_below_its_row(exact: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="below row 0.*raise its row"):
        Rmu(row=0).loss(step_of(exact))
    with pytest.raises(ValueError, match="row 9 does not exist.*rows 0 to 2"):
        Rmu(row=9).loss(step_of(exact))


def test_rows_are_those_that_a_record_keeps(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [views[0] for views in FORGET]
    for row in (0, 1, 2):
        got = read_rows(model, examples, row)
        with torch.no_grad(), row_hooks(model) as held:
            model(input_ids=torch.tensor([examples[0].ids]))
        torch.testing.assert_close(got[:5].double(), held[row][0, 1:], atol=1e-5, rtol=1e-5)
    assert not model.model.layers[1]._forward_pre_hooks


def test_the_adversary_brings_answers_back_within_its_bound(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [views[0] for views in FORGET]
    plain = step_of(exact).forget.policy.sums.detach()
    weak, strong = (bent_scores(model, examples, 1, bound, 4).sums for bound in (0.02, 0.1))
    assert (weak > plain).all()
    assert (strong > weak).all()
    _, parts = Latent(row=1, bound=0.1, inner_steps=4).loss(step_of(exact))
    gained = float((strong.detach() - plain).mean())
    assert parts["gained"].item() == pytest.approx(gained, rel=1e-5)
    # Nearly no bend, nearly the push of NPO.
    near = Latent(row=1, bound=1e-7, beta=2.0).loss(step_of(exact))[0]
    npo = Npo(beta=2.0).loss(step_of(exact))[0]
    assert float(near.detach()) == pytest.approx(float(npo.detach()), rel=1e-5)


def test_the_bend_stays_within_its_bound_and_off_the_answers(exact: tuple[Any, Any]) -> None:
    model, _ = exact
    examples = [FORGET[0][0]]
    seen: list[torch.Tensor] = []
    block = model.model.layers[1]

    def look(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append((args[0] if args else kwargs["hidden_states"]).detach())

    handle = block.register_forward_pre_hook(look, with_kwargs=True)
    try:
        # `look` was hooked first, so it sees the row before it is bent; the block's own input
        # afterwards is read at its norm.
        after: list[torch.Tensor] = []
        norm = block.input_layernorm.register_forward_pre_hook(
            lambda _, args: after.append(args[0].detach())
        )
        bent_scores(model, examples, 1, 0.25, 3)
        norm.remove()
    finally:
        handle.remove()
    change = (after[-1] - seen[-1])[0]
    share = change.norm(dim=1) / seen[-1][0].norm(dim=1)
    assert float(share.max()) <= 0.25 + 1e-9
    assert float(share[1:3].min()) > 0.2
    assert float(change[0].abs().max()) == 0.0
    assert float(change[3:].abs().max()) == 0.0


def test_alternates_come_from_the_data_or_are_refusals(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    rows = [
        {"set": "forget", "item": "a", "prompt": "x", "answer": "b", "language": "en"},
        {"set": "forget", "item": "c", "prompt": "y", "answer": "d", "language": "xx"},
        {"set": "retain", "item": "e", "prompt": "z", "answer": "f", "language": "en"},
    ]
    refusals = {"en": ("no",), "hi": ("nahin",)}

    def second(frame: pd.DataFrame) -> list[str]:
        views = preferences(tokenizer, frame, refusals)
        assert all(len(each) == 2 for each in views)
        return [tokenizer.decode(v.ids[v.start : -1]).replace(" ", "") for _, v in views]

    frame = pd.DataFrame(rows)
    assert second(frame) == ["no", "no"]
    assert second(frame.assign(alternate=["qu", "", "r"])) == ["qu", "no"]


@pytest.mark.parametrize("name", NAMES)
def test_impossible_options_name_their_key(name: str) -> None:
    for field in dataclasses.fields(built(name)):
        if isinstance(getattr(built(name), field.name), float):
            with pytest.raises(SpecError, match=f"^{field.name}: "):
                built(name, **{field.name: -1.0})
