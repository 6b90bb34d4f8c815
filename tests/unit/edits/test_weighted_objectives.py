"""Objectives that weigh tokens or set targets, against numbers by hand and their limits."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.answers import Scores
from residue.edits.batches import preferences
from residue.edits.objectives.altpo import Objective as AltPo
from residue.edits.objectives.bounded import Objective as Bounded
from residue.edits.objectives.ceu import Objective as CeU
from residue.edits.objectives.dpo import Objective as Dpo
from residue.edits.objectives.idknll import Objective as IdkNll
from residue.edits.objectives.pdu import Objective as Pdu
from residue.edits.objectives.satimp import Objective as SatImp
from residue.edits.objectives.undial import Objective as Undial
from residue.edits.objectives.wga import Objective as Wga

LAW = [[0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]]
TARGETS = [0, 1, 1]


class Spoken:
    """A step in which every role says the given laws (tokens, vocabulary), as logits up to a
    constant; the first answer has one token, the second two."""

    def __init__(self, policy: torch.Tensor, reference: torch.Tensor | None = None) -> None:
        reference = policy.detach() if reference is None else reference
        rows = torch.tensor([0, 1, 1])
        sides = [Scores(each, torch.tensor(TARGETS), rows, 2) for each in (policy, reference)]
        self.retain = self.forget = SimpleNamespace(
            policy=sides[0], reference=sides[1], examples=[None, None],
            item_mean=lambda values: values.sum() / 2,
            token_mean=lambda values: values.sum() / 3,
        )  # fmt: skip

    def answers(self, role: str, view: int) -> Any:
        return self.forget


def logits(law: Any = LAW) -> torch.Tensor:
    """Logits of a law, each place shifted by a constant of its own."""
    shift = torch.tensor([[3.0], [-2.0], [0.5]], dtype=torch.float64)
    return torch.tensor(law, dtype=torch.float64).log() + shift


def gradient(objective: Any, said: torch.Tensor) -> torch.Tensor:
    """Of the forget term, by the logits that the policy says."""
    said = said.clone().requires_grad_(True)
    _, parts = objective.loss(Spoken(said, logits()))
    return torch.autograd.grad(parts["forget"], said)[0]


P = [LAW[place][target] for place, target in enumerate(TARGETS)]


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Wga(beta=0.5), sum(p**0.5 * math.log(p) for p in P) / 3),
        (SatImp(beta1=2, beta2=0.5), sum(p**2 * (1 - p) ** 0.5 * math.log(p) for p in P) / 3),
        # −log p per token of the two answers
        (
            Bounded(bound=2.0),
            -sum(2 * math.tanh(x / 2) for x in (-math.log(P[0]), -math.log(P[1] * P[2]) / 2)) / 2,
        ),
        (IdkNll(), -sum(map(math.log, P)) / 3),
    ],
    ids=lambda value: type(value).__module__.rpartition(".")[2],
)
def test_forget_terms_are_their_formulas(objective: Any, expected: float) -> None:
    _, parts = objective.loss(Spoken(logits()))
    assert parts["forget"].item() == pytest.approx(expected, abs=1e-9)


def test_weights_are_held_apart_from_the_gradient() -> None:
    """∂/∂z of a weighted log p is the weight times (1_y − p); ascent's weight is 1."""
    law = torch.tensor(LAW, dtype=torch.float64)
    right = torch.nn.functional.one_hot(torch.tensor(TARGETS), 3)
    p = torch.tensor(P, dtype=torch.float64)[:, None]
    for objective, weight in (
        (Wga(beta=2.0), p**2),
        (SatImp(beta1=2.0, beta2=1.0), p**2 * (1 - p)),
        (Wga(beta=0.0), torch.ones_like(p)),
    ):
        torch.testing.assert_close(gradient(objective, logits()), weight * (right - law) / 3)
    torch.testing.assert_close(
        gradient(SatImp(beta1=1.0, beta2=0.0), logits()), gradient(Wga(beta=1.0), logits())
    )


def test_undial_is_the_divergence_from_the_marked_down_reference() -> None:
    """At its target the cross-entropy is the target's entropy and has no gradient; β = 0 holds."""
    marked = logits() - 1.5 * torch.nn.functional.one_hot(torch.tensor(TARGETS), 3)
    assert float(gradient(Undial(beta=1.5), marked).abs().max()) < 1e-12
    assert float(gradient(Undial(beta=0.0), logits()).abs().max()) < 1e-12
    _, parts = Undial(beta=1.5).loss(Spoken(marked, logits()))
    target = marked.softmax(1)
    entropy = -(target * target.log()).sum(1).mean()
    assert parts["forget"].item() == pytest.approx(entropy.item(), abs=1e-9)
    said = [p * math.exp(-1.5) / (p * math.exp(-1.5) + 1 - p) for p in P]
    assert parts["target"].item() == pytest.approx(sum(said) / 3, abs=1e-9)


def test_ceu_pulls_to_the_law_without_the_answer_with_a_bounded_gradient() -> None:
    law = torch.tensor(LAW, dtype=torch.float64)
    right = torch.nn.functional.one_hot(torch.tensor(TARGETS), 3)
    rest = (1 - right) * law
    wanted = (law - rest / rest.sum(1, keepdim=True)) / 3
    torch.testing.assert_close(gradient(CeU(), logits()), wanted)
    # A token that is all but impossible, and one that is certain, give numbers.
    for size in (-800.0, 800.0):
        far = torch.where(right.bool(), torch.tensor(size, dtype=torch.float64), logits())
        assert gradient(CeU(), far).isfinite().all()
        assert float(gradient(CeU(), far).abs().max()) <= 1 / 3 + 1e-12


def test_bounded_lets_go_at_its_ceiling_and_tends_to_ascent() -> None:
    steep = gradient(Bounded(bound=1e4), logits())
    ascent = gradient(Wga(beta=0.0), logits())
    # Means per token over items, not over tokens: the one token of the first answer counts thrice.
    scale = torch.tensor([[3 / 2], [3 / 4], [3 / 4]], dtype=torch.float64)
    torch.testing.assert_close(steep, ascent * scale, atol=1e-6, rtol=1e-6)
    gone = torch.tensor([[-40.0, 0, 0], [0, -40.0, 0], [0, -40.0, 0]], dtype=torch.float64)
    assert float(gradient(Bounded(bound=2.0), gone).abs().max()) < 1e-9


def test_altpo_is_dpo_on_given_alternates() -> None:
    step = Spoken(logits([[0.2, 0.2, 0.6]] * 3), logits())
    other = Spoken(logits([[0.7, 0.2, 0.1]] * 3), logits()).forget
    step.answers = lambda role, view: other  # type: ignore[method-assign]
    ours, theirs = (each(beta=0.7).loss(step)[1]["forget"].item() for each in (AltPo, Dpo))
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_altpo_refuses_items_without_alternates(loaded: tuple[Any, Any]) -> None:
    row = {"set": "forget", "item": "a", "prompt": "x", "answer": "b", "language": "en"}
    with pytest.raises(ValueError, match=r"no alternate for item a; name a column.*or take.*dpo"):
        preferences(loaded[1], pd.DataFrame([{**row, "alternate": ""}]), {})


def test_pdu_flattens_under_a_multiplier_that_follows_the_violation() -> None:
    objective = Pdu(limit=0.1, rate=5.0, multiplier=2.0, forget_weight=1.0, retain="nll")
    total, parts = objective.loss(Spoken(logits()))
    spread = torch.tensor(LAW, dtype=torch.float64).log()
    margin = (spread.amax(1) - spread.mean(1)).square().mean()
    assert parts["forget"].item() == pytest.approx(margin.item(), abs=1e-9)
    assert parts["multiplier"].item() == pytest.approx(2.0)
    assert total.item() == pytest.approx(margin.item() + 2 * parts["retain"].item(), abs=1e-9)
    flat = gradient(objective, torch.ones(3, 3, dtype=torch.float64))
    assert float(flat.abs().max()) < 1e-12
    # Climbs by rate × violation, falls where the constraint is slack, never below 0.
    assert objective.after([]) is objective
    for retain, expected in ((0.5, 2 + 5 * 0.4), (0.0, 2 - 5 * 0.1), (-9.0, 0.0)):
        later = objective.after([{"multiplier": 2.0, "retain": retain}])
        assert later.multiplier == pytest.approx(expected)


def constrained(limit: float, start: float = 2.0, weight: float = 0.5) -> tuple[float, float]:
    """x and λ after many updates of: least w x² where (x − start)² ≤ limit.

    Two tokens with logits ±x have (max − mean)² = x²; the retain term is given as it is.
    """
    x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    given = Pdu(limit=limit, rate=0.5, multiplier=1.0, forget_weight=weight, retain="nll")
    history: list[dict[str, float]] = []
    for _ in range(1200):
        objective = given.after(history)
        forget = Scores(torch.stack([x, -x])[None], torch.tensor([0]), torch.tensor([0]), 1)
        lost = SimpleNamespace(tokens=-((x - start) ** 2)[None])
        roles = [
            SimpleNamespace(
                policy=policy, examples=[None], item_mean=torch.sum, token_mean=torch.sum
            )
            for policy in (forget, lost)
        ]
        loss, parts = objective.loss(SimpleNamespace(forget=roles[0], retain=roles[1]))
        history.append({name: float(part.detach()) for name, part in parts.items()})
        (slope,) = torch.autograd.grad(loss, x)
        with torch.no_grad():
            x -= 0.05 * slope
    return float(x.detach()), given.after(history).multiplier


def test_pdu_reaches_the_constrained_optimum() -> None:
    """Where the bound binds, x* = start − √ε and stationarity gives λ* = w x* / √ε."""
    for limit in (0.25, 0.81):
        x, multiplier = constrained(limit)
        best = 2.0 - math.sqrt(limit)
        assert x == pytest.approx(best, abs=1e-4)
        assert multiplier == pytest.approx(0.5 * best / math.sqrt(limit), rel=1e-3)
    # Where it does not bind, there is nothing to pay, and the forget term is least.
    x, multiplier = constrained(4.5)
    assert abs(x) < 1e-3
    assert multiplier == pytest.approx(0.0, abs=1e-3)
