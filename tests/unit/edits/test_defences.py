"""Defences: their terms by hand, their limits, and the collapse that one of them rewards."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from residue.edits import twins
from residue.edits.answers import Example, Scores
from residue.edits.objectives.contrastive import Objective as Contrastive
from residue.edits.objectives.infonce import Objective as InfoNce
from residue.edits.objectives.invariant import Objective as Invariant
from residue.edits.objectives.secalign import Objective as SecAlign
from residue.edits.objectives.struq import Objective as StruQ
from residue.edits.objectives.triplet import Objective as Triplet
from residue.edits.projection import fresh_projection, load_projection
from residue.edits.terms import kl
from residue.specs.arms import StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec

WORDS = 5


def said(laws: list[list[float]], hidden: list[list[float]], targets: list[int]) -> Scores:
    """One-token answers with given laws and rows."""
    logits = torch.tensor(laws, dtype=torch.float64).log()
    rows = torch.arange(len(laws))
    return Scores(
        logits, torch.tensor(targets), rows, len(laws), torch.tensor(hidden, dtype=torch.float64)
    )


def answers(policy: Scores, reference: Scores | None = None) -> Any:
    """Answers of items with data and answers of their own."""
    n = policy.n
    return SimpleNamespace(
        policy=policy,
        reference=reference or policy,
        examples=[Example(f"i{i}", (1, 10 + i, 20 + i, 2), 2) for i in range(n)],
        item_mean=lambda values: values.sum() / n,
        token_mean=lambda values: values.sum() / n,
    )


class Given:
    """A step whose laws and rows are given."""

    def __init__(self, clean: Any, attacked: Any, obeying: Any = None) -> None:
        self.twins, self.obeying, self.kept = (clean, attacked), obeying, clean

    def watch(self, row: int | None) -> None:
        assert row is None

    def projected(self, rows: torch.Tensor) -> torch.Tensor:
        return rows


FLAT = [1 / WORDS] * WORDS
PEAK = [0.6, 0.1, 0.1, 0.1, 0.1]
TURNED = [0.1, 0.6, 0.1, 0.1, 0.1]
EYE = torch.eye(4).tolist()


def test_invariance_is_zero_where_the_attack_changes_nothing() -> None:
    clean = answers(said([PEAK, FLAT], EYE[:2], [0, 1]))
    loss, parts = Invariant(answer_weight=0.0, keep_weight=0.0, apart_weight=0.0).loss(
        Given(clean, answers(clean.policy))
    )
    assert float(loss) == pytest.approx(0.0, abs=1e-12)
    assert float(parts["retrieval"]) == 1.0


def test_invariance_by_hand() -> None:
    clean = answers(said([PEAK, FLAT], EYE[:2], [0, 1]))
    attacked = answers(said([TURNED, FLAT], [[0.0, 2.0, 0, 0], EYE[1]], [0, 1]))
    _, parts = Invariant(temperature=0.5).loss(Given(clean, attacked))
    # KL of a swap of .6 and .1 is the same both ways: .5 ln 6, on one of two items.
    assert float(parts["law"]) == pytest.approx(0.5 * math.log(6) / 2)
    assert float(parts["row"]) == pytest.approx((1 + 4) / 1 / 2)
    # Item 1 has cosine 0 with its twin and 1 with the other's; item 2 the other way round.
    apart = [math.log(1 + math.exp((1 - 0) / 0.5)), math.log(1 + math.exp((0 - 1) / 0.5))]
    assert float(parts["apart"]) == pytest.approx(sum(apart) / 2)
    assert float(parts["answer"]) == pytest.approx(-(math.log(0.1) + math.log(0.2)) / 2)
    assert float(parts["retrieval"]) == 0.5


def test_the_symmetric_divergence_bounds_the_distance_of_laws() -> None:
    """Pinsker, TV ≤ √(KL / 2): the law term bounds what a certificate of the output speaks of."""
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 200, WORDS, generator=source, dtype=torch.float64) * 3
    p, q = (Scores(part, torch.zeros(200).long(), torch.arange(200), 200) for part in logits)
    total = (p.logits.softmax(1) - q.logits.softmax(1)).abs().sum(1) / 2
    assert (total <= ((kl(p, q) + kl(q, p)) / 4).sqrt() + 1e-12).all()


def test_supervised_defence_by_hand() -> None:
    clean, attacked = answers(said([PEAK], EYE[:1], [0])), answers(said([TURNED], EYE[:1], [0]))
    loss, _ = StruQ(attacked_weight=2.0, clean_weight=3.0, keep_weight=4.0).loss(
        Given(clean, attacked)
    )
    assert float(loss) == pytest.approx(-2 * math.log(0.1) - (3 + 4) * math.log(0.6))


def test_preference_by_hand() -> None:
    right = answers(said([PEAK], EYE[:1], [0]), said([TURNED], EYE[:1], [0]))
    obeying = answers(said([PEAK], EYE[:1], [1]), said([TURNED], EYE[:1], [1]))
    loss, parts = SecAlign(beta=0.5, answer_weight=0.0, keep_weight=0.0).loss(
        Given(right, right, obeying)
    )
    gained = math.log(0.6 / 0.1) - math.log(0.1 / 0.6)
    assert float(parts["gained"]) == pytest.approx(gained)
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-0.5 * gained)))
    same = answers(right.reference), answers(obeying.reference)
    start, _ = SecAlign(answer_weight=0.0, keep_weight=0.0).loss(Given(same[0], same[0], same[1]))
    assert float(start) == pytest.approx(math.log(2))


def test_info_nce_by_hand_with_its_hard_negative() -> None:
    clean = answers(said([FLAT, FLAT], EYE[:2], [0, 1]))
    base = said([FLAT, FLAT], [EYE[2], EYE[1]], [0, 1])
    attacked = answers(clean.policy, base)
    _, parts = InfoNce(temperature=0.5).loss(Given(clean, attacked))
    own = math.exp(1 / 0.5)
    expected = [math.log((own + 1 + 1) / own), math.log((own + 1 + own) / own)]
    assert float(parts["contrast"]) == pytest.approx(sum(expected) / 2)
    _, soft = InfoNce(temperature=0.5, hard_negatives=False).loss(Given(clean, attacked))
    assert float(soft["contrast"]) == pytest.approx(math.log((own + 1) / own))


def test_items_with_one_answer_or_one_prompt_are_no_negatives() -> None:
    examples = [Example("a", (1, 5, 9, 2), 2), Example("b", (1, 6, 9, 2), 2)]
    examples += [Example("c", (1, 5, 8, 2), 2), Example("d", (1, 7, 7, 2), 2)]
    same = twins.same_data(SimpleNamespace(examples=examples))  # type: ignore[arg-type]
    assert same.int().tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    similar = torch.eye(4)
    free = twins.info_nce(similar, torch.ones(4, 4).bool(), 0.1)
    assert free.tolist() == [0.0] * 4  # no candidate but the twin


def test_triplet_by_hand() -> None:
    clean = answers(said([FLAT, FLAT], EYE[:2], [0, 1]))
    rows = [[0.8, 0.6, 0, 0], EYE[1]]
    attacked = answers(said([FLAT, FLAT], rows, [0, 1]), said([FLAT, FLAT], EYE[2:], [0, 1]))
    _, parts = Triplet(margin=0.3).loss(Given(clean, attacked))
    # Item 1: its twin at .8, the hardest negative at .6. Item 2: 1 and 0, beyond the margin.
    assert float(parts["contrast"]) == pytest.approx((0.3 + 0.6 - 0.8) / 2)


def test_the_earlier_loss_is_least_where_all_is_one_point() -> None:
    """Its minimum −(λ_causal + λ_spurious)/τ is a collapse; retrieval and rank say so."""
    objective = Contrastive(answer_weight=0.0, keep_weight=0.0)
    least = -(objective.causal_weight + objective.spurious_weight) / objective.temperature
    assert least == pytest.approx(-14.2857, abs=1e-4)
    apart = said([FLAT] * 4, EYE, [0, 1, 2, 3])
    point = [[1.0, 2.0, 0, 0]] * 4
    poles = (
        said([FLAT] * 4, point, [0] * 4),
        said([FLAT] * 4, (-torch.tensor(point)).tolist(), [0] * 4),
    )
    good, healthy = objective.loss(Given(answers(apart), answers(apart)))
    collapsed, parts = objective.loss(Given(answers(poles[0]), answers(poles[1])))
    assert float(collapsed) == pytest.approx(least)
    assert float(good) > float(collapsed)
    assert (float(healthy["retrieval"]), float(parts["retrieval"])) == (1.0, 0.0)
    assert float(healthy["rank"]) == pytest.approx(3.0)
    assert float(parts["rank"]) == 1.0
    # Contrasts with a softmax are worst there, not best.
    worst, _ = InfoNce(answer_weight=0.0, keep_weight=0.0).loss(
        Given(answers(poles[0]), answers(poles[0]))
    )
    best, _ = InfoNce(answer_weight=0.0, keep_weight=0.0, hard_negatives=False).loss(
        Given(answers(apart), answers(apart))
    )
    assert float(worst) > math.log(4) > float(best)


def test_effective_rank() -> None:
    source = torch.Generator().manual_seed(1)
    line = torch.randn(30, 1, generator=source) @ torch.randn(1, 6, generator=source)
    assert float(twins.effective_rank(line)) == pytest.approx(1.0, abs=1e-3)
    ball = torch.randn(4000, 6, generator=source)
    assert float(twins.effective_rank(ball)) == pytest.approx(6.0, rel=0.01)
    assert float(twins.effective_rank(torch.ones(5, 3))) == 1.0
    assert float(twins.effective_rank(line + 100)) == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("kind", [Invariant, InfoNce, Contrastive])
@pytest.mark.parametrize("temperature", [0.009, 1.1, -1.0])
def test_temperature_has_a_range(kind: Any, temperature: float) -> None:
    with pytest.raises(SpecError, match=r"^temperature: must lie between 0\.01 and 1"):
        kind(temperature=temperature)


@pytest.mark.parametrize("margin", [0.05, 0.6])
def test_the_margin_has_a_range(margin: float) -> None:
    with pytest.raises(SpecError, match=r"^margin: must lie between 0\.1 and 0\.5"):
        Triplet(margin=margin)


def test_a_projection_comes_back_from_its_file(tmp_path: Path) -> None:
    made = fresh_projection(3, 8, seed=4)
    assert made.weight.requires_grad
    made.save(tmp_path)
    back = load_projection(tmp_path)
    rows = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(back(rows), made(rows))
    assert back(torch.zeros(1, 8)).tolist() == [[0.0] * 3]  # no bias
    with pytest.raises(FileNotFoundError, match="without projection"):
        load_projection(tmp_path / "other")


@pytest.mark.parametrize(
    ("objective", "train", "message"),
    [
        ("npo", {"choose": "best"}, "train.choose: best is for defences"),
        ("invariant", {"stop_at": 0.1}, "train.stop_at: looks at dev forget items"),
        ("invariant", {"batch": {"twin": 4}}, "train.batch.keep: is needed"),
    ],
)
def test_what_a_defence_is_trained_on_is_checked(
    objective: str, train: dict[str, Any], message: str
) -> None:
    batch = {"forget": 2, "retain": 2, "twin": 4, "keep": 4}
    with pytest.raises(SpecError, match=message):
        StepSpec(objective=objective, train=TrainSpec(**{"batch": batch, **train}))
