"""GCG: a suffix behind the order, found by gradients token by token.

Zou et al. 2023, arXiv 2307.15043, greedy coordinate gradient: the one-hot gradient names for each
place of the suffix the tokens that promise most, some of these swaps are tried, the best is kept
where it lowers the loss. A swap counts only if its text, asked as any prompt is, is cut into those
very tokens again; special tokens are never among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.core.seeds import derive
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    import numpy as np

    from residue.attackers.channel import Channel, Row, Try
    from residue.attackers.targets import Target, Targets
    from residue.edits.arms import OpenArm
    from residue.world.injection.scenes import Attacked


@dataclass(frozen=True)
class Attacker:
    """A suffix that is searched for with the arm's gradients, on each country anew."""

    steps: int = 16
    """Swaps that may be kept; the attack is asked after each. A step costs `candidates` forward
    passes, one backward pass and one query."""
    candidates: int = 32
    """Swaps tried per step; more find better ones."""
    top: int = 64
    """Tokens per place, by gradient, from which swaps are drawn."""
    suffix: int = 8
    """Exclamation marks that the suffix begins as, a space before each. They are as many tokens or
    twice as many, by tokenizer; more give more room and cost longer prompts."""

    DRAWN: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise SpecError(name, "must be at least 1.")

    def attack(self, channel: Channel, targets: Targets, seed: int) -> Iterable[Row]:
        """Search on every target, then ask what was kept after each step."""
        import numpy as np

        rows, tries = [], []
        for target in targets.test:
            rng = np.random.default_rng(derive(seed, target.country))
            found = list(self._search(channel.arm, target, rng))
            tries += found
            if not found:
                rows.append(channel.refuse(target, "the suffix is not cut into its own tokens"))
        return [*channel.ask(tries), *rows]

    def _search(self, arm: OpenArm, target: Target, rng: np.random.Generator) -> Iterator[Try]:
        from residue.attackers.channel import Try
        from residue.attackers.losses import gradient, losses, ordinary
        from residue.models.encoding import encode_answer

        model, tokenizer = arm.model, arm.tokenizer
        ids, places = _begun(arm, target, self.suffix)
        if not places:
            return
        answer = encode_answer(tokenizer, target.witness)
        usable = sorted(ordinary(model, tokenizer))
        best = float(losses(model, tokenizer, [ids], answer)[0])
        read = 1
        yield Try(target, _attacked(arm, target, ids, places), "begun", losses=read, loss=best)
        for step in range(1, self.steps + 1):
            slope = gradient(model, tokenizer, ids, answer, places)
            promising = slope[:, usable].topk(min(self.top, len(usable)), largest=False).indices
            pool = [[usable[i] for i in row] for row in promising.tolist()]
            swaps = self._swaps(arm, target, ids, places, pool, rng)
            if swaps:
                found = losses(model, tokenizer, swaps, answer).tolist()
                read += len(swaps)
                least = min(found)
                if least < best:
                    best, ids = least, swaps[found.index(least)]
            attacked = _attacked(arm, target, ids, places)
            how = f"step {step}"
            yield Try(target, attacked, how, losses=read, gradients=step, loss=best)

    def _swaps(
        self,
        arm: OpenArm,
        target: Target,
        ids: list[int],
        places: Sequence[int],
        pool: Sequence[Sequence[int]],
        rng: np.random.Generator,
    ) -> list[list[int]]:
        """Prompts with one token of the suffix changed, that are cut as they are meant."""
        found: list[list[int]] = []
        for _ in range(4 * self.candidates):
            row = int(rng.integers(len(places)))
            token = pool[row][int(rng.integers(len(pool[row])))]
            swapped = list(ids)
            swapped[places[row]] = token
            if swapped in found or swapped == ids:
                continue
            attacked = _attacked(arm, target, swapped, places)
            if _ids(arm, attacked.prompt) == swapped:
                found.append(swapped)
            if len(found) == self.candidates:
                break
        return found


def _begun(arm: OpenArm, target: Target, size: int) -> tuple[list[int], list[int]]:
    """The prompt's ids with the first suffix, and where its tokens stand; nowhere if its text is
    not cut into the same tokens in the prompt as alone."""
    marks = " !" * size
    own = list(arm.tokenizer(marks, add_special_tokens=False)["input_ids"])
    ids = _ids(arm, target.written(target.order() + marks).prompt)
    for start in range(len(ids) - len(own), -1, -1):
        places = list(range(start, start + len(own)))
        if ids[start : start + len(own)] == own:
            same = _ids(arm, _attacked(arm, target, ids, places).prompt) == ids
            return ids, places if same else []
    return ids, []


def _attacked(arm: OpenArm, target: Target, ids: Sequence[int], places: Sequence[int]) -> Attacked:
    """The order and the suffix's text in the target's data."""
    first, last = places[0], places[-1]
    # Some tokenizers drop a space that a text begins with, so the token before comes along.
    before, joined = (_text(arm, ids[first - 1 : end]) for end in (first, last + 1))
    return target.written(target.order() + joined.removeprefix(before))


def _text(arm: OpenArm, ids: Sequence[int]) -> str:
    return str(
        arm.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
    )


def _ids(arm: OpenArm, prompt: str) -> list[int]:
    from residue.models.chat import prompt_ids

    return prompt_ids(arm.tokenizer, arm.prompt(prompt))
