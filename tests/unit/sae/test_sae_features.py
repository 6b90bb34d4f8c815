"""Pickers find planted latents, and say how firm a pick is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from residue.sae import features
from residue.sae.features import NoFeaturesError, Witness, best, pick
from residue.sae.models import Sae
from residue.sae.sums import Places, Sums, sum_codes, unit_counts
from residue.sae.texts import forget_rows, some_texts, token_texts
from residue.specs.sae import FeatureSpec

LATENTS = 40
SPEC = FeatureSpec(keep=3, draws=20, percentile=80.0)
LANGUAGES = ("en", "hi")
# What latents stand for in `world`: 0 and 1 the forget set in every language, 2 the forget set in
# Hindi alone, 3 Hindi of any set; 4 one forget country; 5 to 9 fire anywhere.
EVERYWHERE, HINDI_FORGET, HINDI, ONE_COUNTRY = (0, 1), 2, 3, 4


def identity_sae(seed: int = 0) -> Sae:
    """Latent i reads and writes coordinate i, so that codes are vectors with a positive part."""
    order = np.random.default_rng(seed).permutation(LATENTS) if seed else np.arange(LATENTS)
    decoder = np.eye(LATENTS, dtype=np.float32)[order]
    zeros = np.zeros(LATENTS, np.float32)
    return Sae("topk", decoder.T.copy(), zeros, decoder, zeros, k=LATENTS, row=1)


def world(seed: int = 0) -> tuple[pd.DataFrame, list[tuple[list[str], np.ndarray]]]:
    """A corpus and its stream: six forget and six retain countries, and texts of none."""
    rng = np.random.default_rng(seed)
    lines, parts = [], []
    for number in range(240):
        kind = ("forget", "retain", "other")[number % 3]
        language = LANGUAGES[number // 3 % 2]
        country = "" if kind == "other" else f"{kind[0]}{number // 6 % 6}"
        text = f"t{number}"
        lines.append((text, kind, language, country))
        h = np.abs(rng.normal(size=(7, LATENTS))) * (np.arange(LATENTS) >= 5)
        strong = np.abs(rng.normal(3, 1, size=(7, 5)))
        forget, hindi = kind == "forget", language == "hi"
        h[:, :5] = strong * [forget, forget, forget and hindi, hindi, country == "f0"]
        parts.append(([text] * 7, h.astype(np.float32)))
    return pd.DataFrame(lines, columns=["text", "set", "language", "country"]), parts


CORPUS, PARTS = world()


def pulled() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Latent 1 alone raises the probability of forget texts; 3 lowers that of all Hindi ones."""
    for texts, h in PARTS[:120]:
        pull = np.zeros_like(h)
        pull[:, 1], pull[:, 3] = 0.5, -0.5
        yield texts[0], h, pull


def sums_of(*seeds: int) -> list[Witness]:
    saes = {f"sae{seed}": identity_sae(seed) for seed in seeds}
    made = sum_codes(saes, Places(CORPUS), PARTS, pulled())
    return [Witness(sae, made[name]) for name, sae in saes.items()]


@pytest.fixture(scope="module")
def witness() -> Witness:
    return sums_of(0)[0]


def picked(table: pd.DataFrame, picker: str) -> list[int]:
    return list(table.loc[table["picker"] == picker, "feature"])


def test_sums_are_those_of_a_plain_loop(witness: Witness) -> None:
    sums, columns = witness.sums, ["text", "set", "language", "country"]
    where = {line[0]: line[1:] for line in CORPUS[columns].itertuples(index=False)}
    for group, unit in ((("forget", "hi"), "f0"), (("retain", "en"), "r3")):
        here = [h for texts, h in PARTS if where[texts[0]] == (*group, unit)]
        z = np.concatenate(here)
        cell = sums.groups.index(group), sums.units.index(unit)
        assert sums.tokens[cell] == len(z)
        np.testing.assert_allclose(sums.code[cell], z.sum(axis=0), rtol=1e-5)
        np.testing.assert_allclose(sums.square[cell], (z**2).sum(axis=0), rtol=1e-5)
    assert sums.tokens.sum() == 240 * 7
    assert sums.pulled.sum() == 120 * 7


def test_how_the_stream_is_cut_changes_nothing(witness: Witness) -> None:
    texts = [text for part, _ in PARTS for text in part]
    rows = np.concatenate([h for _, h in PARTS])
    cut = [(texts[i : i + 100], rows[i : i + 100]) for i in range(0, len(texts), 100)]
    other = sum_codes({"a": identity_sae()}, Places(CORPUS), cut, pulled())["a"]
    for name in ("tokens", "code", "square", "cost"):
        np.testing.assert_allclose(getattr(other, name), getattr(witness.sums, name), rtol=1e-5)


def test_activation_is_welchs_t(witness: Witness) -> None:
    from scipy import stats

    kind = CORPUS.set_index("text")["set"]
    forget = np.concatenate([h for texts, h in PARTS if kind[texts[0]] == "forget"])
    retain = np.concatenate([h for texts, h in PARTS if kind[texts[0]] == "retain"])
    wanted = stats.ttest_ind(forget[:, 3:], retain[:, 3:], equal_var=False).statistic
    found = features.activation(witness.sums, SPEC)[3:]
    np.testing.assert_allclose(found, wanted, rtol=5e-3)  # n for n - 1 in the variance


def test_semantic_wants_every_language_and_no_control(witness: Witness) -> None:
    scores = features.semantic(witness.sums, SPEC)
    assert set(best(scores, witness.sums, 2)) == set(EVERYWHERE)
    assert scores[HINDI_FORGET] == pytest.approx(0)  # silent in English
    assert scores[HINDI] < 0
    assert abs(scores[5:]).max() < scores[0] / 2


def test_gradient_is_the_mean_first_order_cost(witness: Witness) -> None:
    scores = features.gradient(witness.sums, SPEC)
    kind = CORPUS.set_index("text")["set"]
    h1 = np.concatenate([h[:, 1] for texts, h in PARTS[:120] if kind[texts[0]] == "forget"])
    assert scores[1] == pytest.approx(0.5 * h1.mean(), rel=1e-5)
    assert list(best(scores, witness.sums, 3))[0] == 1
    assert scores[HINDI] == pytest.approx(0, abs=0.2)
    np.testing.assert_allclose(scores[5:], 0)


def test_fisher_ranks_by_energy_behind_the_percentile(witness: Witness) -> None:
    scores = features.fisher(witness.sums, SPEC)
    assert np.isfinite(scores).sum() == LATENTS * 0.2
    assert set(best(scores, witness.sums, 2)) == set(EVERYWHERE)
    np.testing.assert_allclose(scores[0], witness.sums.energy("forget")[0])
    assert scores[HINDI] == -np.inf or scores[HINDI] < scores[HINDI_FORGET] * 2


def test_a_pick_table(witness: Witness) -> None:
    forget = forget_rows(CORPUS, PARTS)
    table = pick(witness, sums_of(3, 4), forget, SPEC, seed=0)
    assert tuple(table.columns) == features.COLUMNS
    assert list(table["picker"].unique()) == [
        "activation", "semantic", "gradient", "fisher", "random",
    ]  # fmt: skip
    for picker in ("activation", "fisher"):
        assert set(EVERYWHERE) <= set(picked(table, picker))
    for _, part in table.groupby("picker"):
        assert list(part["rank"]) == list(range(1, len(part) + 1))
        assert (part["score"].dropna().diff().dropna() <= 0).all()
    firm = table[table["feature"].isin(EVERYWHERE) & (table["picker"] == "activation")]
    assert (firm["stability"] == 1).all()
    assert firm["recurrence"].tolist() == pytest.approx([1, 1])  # the same axes, in another order
    assert pick(witness, [], forget, SPEC, seed=0)["recurrence"].isna().all()


def test_a_latent_of_one_country_is_less_firm_than_one_of_all(witness: Witness) -> None:
    spec = replace(SPEC, keep=5, draws=100)
    table = pick(witness, [], forget_rows(CORPUS, PARTS), spec, seed=0)
    stability = table[table["picker"] == "activation"].set_index("feature")["stability"]
    assert stability[0] == stability[1] == 1
    assert ONE_COUNTRY not in stability or stability[ONE_COUNTRY] < 1


def test_random_latents_write_as_much_as_the_picked_ones(witness: Witness) -> None:
    forget = forget_rows(CORPUS, PARTS)
    table = pick(witness, [], forget, SPEC, seed=0)
    chosen, drawn = (table[table["picker"] == name] for name in ("activation", "random"))
    assert not set(chosen["feature"]) & set(drawn["feature"])
    assert len(chosen) == len(drawn)
    z = witness.sae.encode(forget)
    sizes = [
        np.linalg.norm(
            witness.sae.written(z, part["feature"].to_numpy()) * part["scale"].iloc[0], axis=1
        ).mean()
        for part in (chosen, drawn)
    ]
    assert sizes[0] == pytest.approx(sizes[1])
    assert (chosen["scale"] == 1).all()
    assert (drawn["scale"] != 1).all()


def test_picks_depend_on_the_seed_only_where_they_must(witness: Witness) -> None:
    forget = forget_rows(CORPUS, PARTS)
    one, other = (pick(witness, [], forget, SPEC, seed=seed) for seed in (1, 2))
    again = pick(witness, [], forget, SPEC, seed=1)
    assert one.equals(again)
    for picker in features.SCORED:
        assert picked(one, picker) == picked(other, picker)
    assert picked(one, "random") != picked(other, "random")


def test_resamples_draw_forget_units_and_others_apart(witness: Witness) -> None:
    sums = witness.sums
    forget = sums.tokens[[kind == "forget" for kind, _ in sums.groups]].sum(axis=0) > 0
    rng = np.random.default_rng(0)
    for _ in range(5):
        counts = unit_counts(forget, rng)
        assert counts[forget].sum() == forget.sum() == 6
        assert counts[~forget].sum() == (~forget).sum()
    draws = sums.resamples(5, seed=0)
    assert len({float(draw.energy("forget")[0]) for draw in draws}) == 5


def test_no_latent_of_the_forget_set_is_an_error(witness: Witness) -> None:
    flat = replace(witness.sums, code=witness.sums.code * 0, square=witness.sums.square * 0)
    with pytest.raises(NoFeaturesError, match="no latent has a score above zero by 'activation'"):
        pick(replace(witness, sums=flat), [], forget_rows(CORPUS, PARTS), SPEC, seed=0)


def test_an_empty_set_and_an_unknown_text_are_named(witness: Witness) -> None:
    no_retain = Sums(**{**vars(witness.sums), "groups": (("forget", "en"),) * 6})
    with pytest.raises(ValueError, match="holds no retain token"):
        features.activation(no_retain, SPEC)
    with pytest.raises(ValueError, match="the text 'nobody', which the corpus does not"):
        Places(CORPUS).cells(["nobody"])


def test_texts_come_back_from_a_stream() -> None:
    tokens = pd.DataFrame({"text": ["a", "a", "b"], "position": [1, 2, 1], "id": [7, 8, 9]})
    assert token_texts(tokens, 1) == {"a": [1, 7, 8], "b": [1, 9]}
    assert token_texts(tokens, None) == {"a": [7, 8], "b": [9]}
    texts = {text: list(range(1 + number % 5)) for number, text in enumerate(CORPUS["text"][:90])}
    names = some_texts(CORPUS, texts, 10, seed=0)
    assert CORPUS.set_index("text").loc[names, "set"].value_counts().to_dict() == {
        "forget": 10, "retain": 10,
    }  # fmt: skip
    assert names != some_texts(CORPUS, texts, 10, seed=1)
