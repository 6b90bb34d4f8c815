"""Which latents stand for what is to be forgotten: five pickers, and how firm each pick is.

With z the sparse code of a token, f the forget and r the retain tokens of the stream:

    activation  (μ_f − μ_r) / √(σ_f²/n_f + σ_r²/n_r), Welch's t of z
    semantic    min over languages of μ_f/σ − max over controls of μ/σ, controls being all other
                sets by language: what fires on the forget set in every language and nowhere else
    gradient    E_f[z·⟨w, g⟩] − E_r[z·⟨w, g⟩], g = ∂ log p(text)/∂h: to first order what removing
                the latent costs the forget texts beyond the others
    fisher      E_f[z²] among the latents whose E_f[z²]/(E_r[z²] + ε) is above a percentile
                (Dynamic SAE Guardrails, Muhamed et al. 2025, arXiv 2504.08192)
    random      drawn among latents that fire on the forget set and were not picked, scaled so that
                they write as much: the control of an edit's size

All but `random` are functions of sums per country, so resampling countries costs little.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.sae.models import Sae
from residue.sae.sums import FORGET, RETAIN, Sums
from residue.specs.sae import FeatureSpec

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)

COLUMNS = ("picker", "feature", "rank", "score", "stability", "recurrence", "scale")


class NoFeaturesError(ValueError):
    """A picker finds nothing to stand for the forget set; the message says why."""


def activation(sums: Sums, spec: FeatureSpec) -> Floats:
    """Welch's t of the code between forget and retain tokens, (F,)."""
    mean_f, var_f, n_f = sums.moments(FORGET)
    mean_r, var_r, n_r = sums.moments(RETAIN)
    spread = np.sqrt(var_f / n_f + var_r / n_r)
    return np.where(spread > 0, (mean_f - mean_r) / np.where(spread > 0, spread, 1), 0.0)


def semantic(sums: Sums, spec: FeatureSpec) -> Floats:
    """Least standardised activation over forget languages beyond the largest over controls."""
    _, variance, _ = sums.moments()
    sd = np.sqrt(variance)
    means = {group: sums.group_mean(group) / np.where(sd > 0, sd, 1) for group in sums.present()}
    targets = [mean for (kind, _), mean in means.items() if kind == FORGET]
    controls = [mean for (kind, _), mean in means.items() if kind != FORGET]
    made: Floats = np.min(targets, axis=0) - np.max(controls, axis=0)
    return made


def gradient(sums: Sums, spec: FeatureSpec) -> Floats:
    """Mean first-order cost of removing the latent, forget beyond retain, (F,) in nats."""
    return sums.mean_cost(FORGET) - sums.mean_cost(RETAIN)


def fisher(sums: Sums, spec: FeatureSpec) -> Floats:
    """Forget energy of the latents whose energy ratio passes the percentile; others −∞."""
    energy_f, energy_r = sums.energy(FORGET), sums.energy(RETAIN)
    # ε only keeps a latent that is silent on retain tokens finite: far below a living one's energy.
    ratio = energy_f / (energy_r + 1e-6 * max(float(energy_r.max()), np.finfo(float).tiny))
    return np.where(ratio >= np.percentile(ratio, spec.percentile), energy_f, -np.inf)


Picker = Callable[[Sums, FeatureSpec], Floats]
SCORED: dict[str, Picker] = {
    "activation": activation,
    "semantic": semantic,
    "gradient": gradient,
    "fisher": fisher,
}


@dataclass(frozen=True)
class Witness:
    """An SAE with its sums: the one that is picked from, or one of another seed."""

    sae: Sae
    sums: Sums


def pick(
    chosen: Witness, others: Sequence[Witness], forget: Floats, spec: FeatureSpec, seed: int
) -> pd.DataFrame:
    """The best latents of each picker, a table of `COLUMNS`.

    forget: some residual rows of forget tokens, on which `scale` is found. Latents that never fire
    on forget tokens, or whose score is not above zero, are not picked, so a picker may have fewer
    lines than asked for, or none; `NoFeaturesError` where the matched one has none.
    stability: share of resamples of countries, forget ones and others apart, that pick the latent
    again. recurrence: mean over SAEs of other seeds of the largest cosine to a latent that the same
    picker picks there; null without other SAEs. scale: what the latent's effect is to be multiplied
    with, 1 but for `random`.
    """
    parts = []
    draws = chosen.sums.resamples(spec.draws, seed)
    for name, picker in SCORED.items():
        scores = picker(chosen.sums, spec)
        found = best(scores, chosen.sums, spec.keep)
        if not len(found):
            logger.warning("no latent has a score above zero by '%s', so it picks none", name)
        again = np.zeros(len(found))
        for draw in draws:
            again += np.isin(found, best(picker(draw, spec), draw, spec.keep))
        parts.append(
            _lines(
                name, found,
                score=scores[found],
                stability=again / spec.draws,
                recurrence=recurrence(chosen, others, found, picker, spec),
            )
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    matched = table.loc[table["picker"] == spec.matched, "feature"].to_numpy()
    if not len(matched):
        raise NoFeaturesError(
            f"no latent has a score above zero by '{spec.matched}': none stands for the forget set "
            "and not for the others; choose another row or a larger SAE"
        )
    return pd.concat([table, control(chosen, matched, forget, seed)], ignore_index=True)


def best(scores: Floats, sums: Sums, most: int) -> Integers:
    """Latents of the largest scores above zero that fire on forget tokens, best first."""
    fits = (scores > 0) & (sums.energy(FORGET) > 0)
    order = np.argsort(np.where(fits, -scores, np.inf), kind="stable")
    return order[: min(most, int(fits.sum()))]


def recurrence(
    chosen: Witness, others: Sequence[Witness], found: Integers, picker: Picker, spec: FeatureSpec
) -> Floats:
    """Mean over other SAEs of the largest cosine to a direction that they pick, (found,)."""
    if not others:
        return np.full(len(found), np.nan)
    cosines = []
    for other in others:
        theirs = best(picker(other.sums, spec), other.sums, spec.keep)
        if not len(theirs):
            cosines.append(np.zeros(len(found)))
            continue
        cosines.append((chosen.sae.W_dec[found] @ other.sae.W_dec[theirs].T).max(axis=1))
    made: Floats = np.mean(cosines, axis=0)
    return made


def control(chosen: Witness, matched: Integers, forget: Floats, seed: int) -> pd.DataFrame:
    """Random latents, as many as matched ones, and the scale at which they write as much.

    The mean norm over forget rows of Σ z·w is equal for both, so an edit of the same strength moves
    the residual stream equally far.
    """
    sae = chosen.sae
    firing = np.flatnonzero(chosen.sums.energy(FORGET) > 0)
    pool = np.setdiff1d(firing, matched)
    if len(pool) < len(matched):
        raise NoFeaturesError(
            f"only {len(pool)} latents fire on the forget set besides the {len(matched)} picked, "
            "too few for a random control; lower sae.features.keep or enlarge the SAE"
        )
    rng = np.random.default_rng(derive("random features", seed))
    drawn = np.sort(rng.choice(pool, size=len(matched), replace=False))
    z = sae.encode(forget)
    size, target = (
        float(np.linalg.norm(sae.written(z, features), axis=1).mean())
        for features in (drawn, matched)
    )
    if size == 0:
        raise NoFeaturesError(
            "the random latents write nothing on the forget rows; give more of these rows"
        )
    nothing = np.full(len(drawn), np.nan)
    return _lines(
        "random", drawn, score=nothing, stability=nothing, recurrence=nothing, scale=target / size
    )


def _lines(picker: str, found: Integers, *, scale: float = 1.0, **columns: Floats) -> pd.DataFrame:
    made: Mapping[str, Any] = {
        "picker": picker,
        "feature": found.astype(np.int32),
        "rank": np.arange(1, len(found) + 1, dtype=np.int32),
        "scale": scale,
        **columns,
    }
    return pd.DataFrame(made)[list(COLUMNS)]
