"""Config values to typed specs: every fault names its key path and the mend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from residue.specs.fields import SpecError, load, plain


@dataclass(frozen=True)
class Inner:
    width: int = 8
    rate: float = 0.1


@dataclass(frozen=True)
class Outer:
    kind: Literal["lora", "full"] = "lora"
    inner: Inner = field(default_factory=Inner)
    named: dict[str, Inner] = field(default_factory=lambda: {"a": Inner(width=3)})
    places: tuple[str, ...] = ()
    limit: int | None = None
    on: bool = True

    def __post_init__(self) -> None:
        if self.limit == 0:
            raise SpecError("limit", "must not be 0; leave it out for no limit.")


def test_defaults_fill_what_is_left_out_and_round_trip() -> None:
    spec = load(Outer, {"inner": {"width": 5}}, "")
    assert spec == Outer(inner=Inner(width=5))
    assert load(Outer, plain(spec), "") == spec


def test_entries_merge_over_default_entries_of_the_same_name() -> None:
    spec = load(Outer, {"named": {"a": {"rate": 2}, "b": {}}}, "")
    assert spec.named == {"a": Inner(width=3, rate=2.0), "b": Inner()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"inner": {"widht": 1}}, r"arm\.inner\.widht: unknown key; did you mean 'width'\?"),
        ({"inner": {"rate": "1e-3"}}, r"arm\.inner\.rate: '1e-3' is text in YAML; write 0\.001"),
        ({"inner": {"width": 1.5}}, r"arm\.inner\.width: expects a whole number, not 1\.5"),
        ({"inner": {"width": True}}, r"arm\.inner\.width: expects a whole number, not True"),
        ({"inner": {"rate": float("inf")}}, r"arm\.inner\.rate: must be a finite number"),
        ({"inner": None}, r"arm\.inner: expects a section of keys, not None; omit it"),
        ({"kind": "lroa"}, r"arm\.kind: 'lroa' is not a choice; did you mean 'lora'\?"),
        ({"places": "last"}, r"arm\.places: expects a list, not 'last'; write \[last\]"),
        ({"places": [1]}, r"arm\.places\[0\]: expects a text, not 1"),
        ({"places": ["a\0b"]}, r"arm\.places\[0\]: holds NUL or half of a surrogate pair"),
        ({"places": ["\ud800"]}, r"arm\.places\[0\]: holds NUL or half of a surrogate pair"),
        ({"named": {"a": {"widht": 1}}}, r"arm\.named\.a\.widht: unknown key"),
        ({"on": "no"}, r"arm\.on: expects true or false, not 'no'"),
        ({"limit": 0}, r"arm\.limit: must not be 0"),
    ],
)
def test_a_fault_names_key_and_mend(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(Outer, data, "arm")


def test_a_needed_key_is_named() -> None:
    @dataclass(frozen=True)
    class Needs:
        name: str

    globals()["Needs"] = Needs
    with pytest.raises(SpecError, match=r"x\.name: is needed"):
        load(Needs, {}, "x")
