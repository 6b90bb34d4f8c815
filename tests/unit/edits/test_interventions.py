"""Row interventions: where they act, how strength scales them, and what their files must hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from residue.edits.answers import Example, score
from residue.edits.intervention import Intervention
from residue.models.blocks import row_hooks

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3)]
IDS = torch.tensor([[1, 5, 6, 7]])


class Shift(Intervention):
    """Adds a vector."""

    TENSORS: ClassVar[tuple[str, ...]] = ("v",)

    def edited(self, rows: torch.Tensor) -> torch.Tensor:
        return rows + self.held.v


def shift(model: Any, row: int) -> Shift:
    return Shift(model, place=1, row=row, tensors={"v": torch.arange(32) / 32})


def rows_of(model: Any) -> torch.Tensor:
    with torch.no_grad(), row_hooks(model) as rows:
        model(IDS)
    return rows.stacked()


@pytest.mark.parametrize("row", [0, 1, 2])
def test_recorded_rows_show_the_edit_and_rows_before_are_untouched(
    row: int, loaded: tuple[Any, Any]
) -> None:
    model, _ = loaded
    base = rows_of(model)
    edit = shift(model, row)
    edited = rows_of(model)
    assert torch.equal(edited[:row], base[:row])
    torch.testing.assert_close(edited[row], base[row] + edit.held.v)
    edit.set_strength(-0.5)
    torch.testing.assert_close(rows_of(model)[row], base[row] - 0.5 * edit.held.v)


def test_a_row_that_does_not_exist_is_refused(loaded: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="row 3 does not exist: this model has rows 0 to 2"):
        shift(loaded[0], 3)


def test_files_that_do_not_fit_are_refused(loaded: tuple[Any, Any], tmp_path: Path) -> None:
    model, _ = loaded
    edit = shift(model, 1)
    edit.save(tmp_path / "a")
    edit.detach()

    class Other(Shift):
        TENSORS: ClassVar[tuple[str, ...]] = ("w",)

    with pytest.raises(ValueError, match="v is absent or unknown"):
        Other.open(model, tmp_path / "a", place=1)
    file = tmp_path / "a" / "edit.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"width": 31}))
    with pytest.raises(ValueError, match="rows of width 31, not 32"):
        Shift.open(model, tmp_path / "a", place=1)


def test_an_error_in_the_forward_pass_leaves_nothing(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    base = score(model, ITEMS).logits
    edit = shift(model, 1)
    edit.held.v.data = torch.zeros(31)
    with pytest.raises(RuntimeError):
        model(IDS)
    edit.detach()
    assert torch.equal(score(model, ITEMS).logits, base)
    assert not any(m._forward_pre_hooks for m in model.modules())
