"""The generated reference: fresh, complete, and of one mind with the reader of the config."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from unittest import mock

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from residue.core import methods
from residue.specs import reference
from residue.specs.arms import StepSpec
from residue.specs.conditions import ConditionSpec
from residue.specs.config import Config
from residue.specs.fields import SpecError, default_of, load, plain
from residue.specs.plan import read_config
from residue.specs.schema import docs_of, mark_of, options_of, schema_of, typed_fields

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))
SCHEMA = Draft202012Validator(schema_of(Config))


def specs_in(kind: Any) -> Iterator[type]:
    """Every dataclass inside a type: sections, their sections, and options of methods."""
    mark = mark_of(kind)
    if mark is not None:
        yield from options_of(mark).values() if mark.kind else ()
    elif dataclasses.is_dataclass(kind):
        yield kind
        for _, each in typed_fields(kind):
            yield from specs_in(each)
    elif get_origin(kind) is not Literal:
        for each in get_args(kind):
            yield from specs_in(each)


SPECS = list(dict.fromkeys(specs_in(Config)))


# --- freshness and completeness --------------------------------------------------------------


def test_schema_and_table_are_fresh() -> None:
    stale = reference.stale(ROOT / "config")
    assert not stale, f"config/{', config/'.join(stale)}: run `{reference.COMMAND}`"


def test_writing_mends_what_is_stale(tmp_path: Path) -> None:
    assert reference.stale(tmp_path) == ["schema.json", "README.md"]
    reference.write(tmp_path)
    assert reference.stale(tmp_path) == []
    (tmp_path / "README.md").write_text("something else")
    assert reference.stale(tmp_path) == ["README.md"]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.__module__}.{spec.__name__}")
def test_every_field_says_what_it_is(spec: type) -> None:
    docs = docs_of(spec)
    for field in dataclasses.fields(spec):
        text = docs.get(field.name, "")
        assert len(text.split()) >= 2, f"{spec.__qualname__}.{field.name} has no text under it"
        assert text.endswith("."), f"{spec.__qualname__}.{field.name}: '{text}'"


def test_the_table_has_every_key_once_and_its_default_is_yaml_for_the_default() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .*? \| (`.*?`|needed|) \| [^|]*\|$", reference.page(), re.M
    )
    table = dict(rows)
    config = Config()
    checked = 0
    for section in dataclasses.fields(Config):
        at = getattr(config, section.name)
        for path, default in table.items():
            names = path.split(".")
            if names[0] != section.name or {"<", "["} & set(path) or default in ("", "needed"):
                continue
            value = at
            for name in names[1:]:
                value = getattr(value, name)
            assert yaml.safe_load(default.strip("`")) == plain(value), path
            checked += 1
    n_leaves = sum(
        1
        for spec in SPECS
        for field, kind in typed_fields(spec)
        if not list(specs_in(kind)) or mark_of(kind)
    )
    assert len(table) >= n_leaves > checked > 50


@pytest.mark.parametrize(
    "value", [1e-5, 1e22, -2e-7, 0.1, 3, True, None, "no", "1e-3", "en", "a: b", [], {"a": ["off"]}]
)
def test_defaults_are_written_in_the_yaml_that_snakemake_reads(value: Any) -> None:
    back = yaml.safe_load(reference.yaml_text(value))
    assert back == value
    assert type(back) is type(value)


# --- the schema ------------------------------------------------------------------------------


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)
    SCHEMA.validate({})
    SCHEMA.validate(json.loads(json.dumps(plain(Config()))))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_config_files_are_valid_and_name_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    SCHEMA.validate(yaml.safe_load(text))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_typing_mistake_in_any_key_is_refused(path: Path) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    for keys in key_paths(data):
        wrong = copy.deepcopy(data)
        at = wrong
        for key in keys[:-1]:
            at = at[key]
        at[f"{keys[-1]}x"] = at.pop(keys[-1])
        if keys[0] in ("conditions", "estimands", "claims", "arms") and len(keys) == 2:
            continue  # another name is another entry, beside the default one
        with pytest.raises(SpecError):
            read_config(wrong)
        # Names of arms, claims and estimands are the user's, and a column's name is checked against
        # the items; a wrong one breaks a relation.
        named = keys[0] in NAMED and (len(keys) == 2 or {"where", "against"} & set(keys))
        if not named and keys[:2] != ("measures", "metrics"):
            assert not SCHEMA.is_valid(wrong), keys


NAMED = ("arms", "claims", "conditions", "estimands")
FREE = (("apart",), ("batch",), ("language_weights",))
"""Sections whose keys are names of roles or languages."""


def key_paths(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(data, dict):
        for key, value in data.items():
            free = here[-1:] in FREE or here == ("arms",)
            if not free:
                yield (*here, key)
            yield from key_paths(value, (*here, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from key_paths(value, (*here, index))


@pytest.mark.parametrize(
    "data",
    [
        {"estimands": {"forget": {"metric": "exact_answr"}}},
        {"measures": {"metrics": {"facts": ["exact_answer", "exact_answr"]}}},
        {"report": {"sections": ["scorecards"]}},
        {"arms": {"npo": {"steps": [{"edit": "lroa"}]}}},
        {"arms": {"npo": {"steps": [{"objective": {"name": "npo", "betta": 1.0}}]}}},
        {"arms": {"npo": {"steps": [{"objective": {"beta": 1.0}}]}}},
        {"claims": {"mine": {"sentence": "So it is."}}},
        {"world": None},
        {"estimands": {"mine": {"where": None}}},
        {"pretrain": {"matrix_rate": "1e-3"}},
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(data: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(data)
    with pytest.raises(SpecError):
        read_config(data)


def test_null_removes_a_named_entry_and_nothing_else() -> None:
    data = {"arms": {"npo": None}, "claims": {"keeps": None}}
    SCHEMA.validate(data)
    config = read_config(data).config
    assert "keeps" not in config.claims
    assert not config.arms


# --- one mind: any value of any section ------------------------------------------------------

SCALARS = {
    bool: st.booleans(),
    int: st.integers(-9, 9),
    float: st.floats(-9, 9) | st.integers(-9, 9),
    str: st.sampled_from(["", "en", "no", "1e-3"]),
    type(None): st.none(),
}
# A whole number written 1.0 is left out: JSON Schema counts it as an integer, the reader does not.
JUNK = st.sampled_from([None, True, 3, 0.5, [], {}, [None], {"zz": 1}])


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Plain values that are mostly of a type, and now and then not."""
    mark, origin, inner = mark_of(kind), get_origin(kind), get_args(kind)
    if mark is not None:
        return names(mark.folder, options_of(mark) if mark.kind else {}) | JUNK
    if origin is Literal:
        return st.sampled_from([*inner, "other"]) | JUNK
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2) | JUNK
    if origin is dict:
        return st.dictionaries(
            st.sampled_from(["npo", "keeps", "zz"]), values(inner[1]), max_size=2
        )
    if inner:
        return st.one_of(*map(values, inner)) | JUNK
    if dataclasses.is_dataclass(kind):
        return section(kind) | JUNK
    return SCALARS[kind] | SCALARS[kind] | JUNK


def section(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    """Up to three keys of a section, needed ones more often than not, sometimes an unknown one."""
    fields = {field.name: values(kind) for field, kind in typed_fields(cls)}
    needed = [f.name for f in dataclasses.fields(cls) if default_of(f) is dataclasses.MISSING]
    keys = st.lists(st.sampled_from([*fields, *fields, "zz"]), max_size=3, unique=True)

    def filled(chosen: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({key: fields.get(key, st.just(1)) for key in chosen})

    return (keys | keys.map(lambda some: list({*some, *needed}))).flatmap(filled)


def names(folder: str, options: dict[str, type]) -> st.SearchStrategy[Any]:
    chosen: st.SearchStrategy[Any] = st.sampled_from(sorted(options or methods.names(folder)))
    for name, cls in options.items():
        good = plain(cls())
        keys = st.lists(st.sampled_from([*good, "zz"]), max_size=2)
        chosen |= keys.map(lambda ks, n=name, g=good: {"name": n} | {k: g.get(k, 1) for k in ks})
    return chosen


@contextlib.contextmanager
def without_relations() -> Iterator[None]:
    """Only types and names count: bounds and relations between keys are the reader's alone."""
    with contextlib.ExitStack() as stack:
        for spec in SPECS:
            if spec not in (StepSpec, ConditionSpec) and "__post_init__" in vars(spec):
                stack.enter_context(mock.patch.object(spec, "__post_init__"))
        yield


def loads(data: Any) -> bool:
    try:
        with without_relations():
            load(Config, data, "")
    except SpecError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(data=section(Config))
def test_schema_and_reader_are_of_one_mind(data: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(data) == loads(data), list(SCHEMA.iter_errors(data))
