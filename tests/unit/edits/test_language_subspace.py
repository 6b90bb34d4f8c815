"""The scrub of a language: an orthogonal projection that takes the planted identity and no more."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from residue.edits.methods.language_subspace import Edit, subspace
from residue.specs.fields import SpecError

WIDTH = 24
LANGUAGES = ("bn", "en", "hi")


def planted(
    noise: float = 0.0, *, slant: float = 0.0, n: int = 60
) -> tuple[torch.Tensor, list[tuple[str, str]], list[str], torch.Tensor, torch.Tensor]:
    """Rows with content in 4 directions and one of Hindi, which leans by `slant` on the first of
    them; and the basis of content and the direction of Hindi itself."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    content, own, others = basis[:, :4], basis[:, 4], basis[:, 5:7]
    facts = {f"C{i}": content @ (rng.normal(size=4) * [3, 2, 2, 2]) for i in range(n)}
    offset = {"en": 4 * others[:, 0], "bn": 4 * others[:, 1], "hi": 5 * own}
    offset["hi"] = offset["hi"] + slant * content[:, 0]
    rows, contents, languages = [], [], []
    for (name, fact), language in product(facts.items(), LANGUAGES):
        rows.append(fact + offset[language] + noise * rng.normal(size=WIDTH))
        contents.append((name, "capital"))
        languages.append(language)
    x = torch.from_numpy(np.array(rows))
    return x, contents, languages, torch.from_numpy(content), torch.from_numpy(own)


def scrubbed(x: torch.Tensor, parts: dict[str, torch.Tensor]) -> torch.Tensor:
    u, v, m = (parts[name].double() for name in "UVm")
    return x - (x - m) @ v.T @ u.T


def test_it_is_an_orthogonal_projection_of_the_rank_asked() -> None:
    x, contents, languages, *_ = planted(0.3)
    for rank in (1, 3):
        parts = subspace(x, contents, languages, "hi", rank, 0.9)
        u = parts["U"].double()
        torch.testing.assert_close(u.T @ u, torch.eye(rank).double(), atol=1e-6, rtol=0)
        assert torch.equal(parts["V"], parts["U"].T)
        once = scrubbed(x, parts)
        torch.testing.assert_close(scrubbed(once, parts), once, atol=1e-5, rtol=0)
        # What is taken away stands at right angles to what is left, measured from m.
        m = parts["m"].double()
        inner = ((x - once) * (once - m)).sum(dim=1)
        torch.testing.assert_close(inner, torch.zeros_like(inner), atol=1e-4, rtol=0)


def test_the_planted_language_goes_and_the_shared_content_stays_exactly() -> None:
    x, contents, languages, content, own = planted()
    parts = subspace(x, contents, languages, "hi", 1, 0.999)
    after = scrubbed(x, parts)
    # Hindi's direction holds 5 in Hindi and 0 elsewhere, and after the scrub 0 everywhere.
    hindi = torch.tensor([language == "hi" for language in languages])
    assert float((x[hindi] @ own).min()) == pytest.approx(5.0, abs=1e-9)
    torch.testing.assert_close(after @ own, torch.zeros(len(x)).double(), atol=1e-5, rtol=0)
    between = after[hindi].mean(dim=0) - after[~hindi].mean(dim=0)
    assert float((parts["U"].double().T @ between).abs().max()) < 1e-5
    torch.testing.assert_close(after @ content, x @ content, atol=1e-5, rtol=0)


def test_with_one_other_language_the_whole_difference_goes() -> None:
    x, contents, languages, content, _ = planted()
    two = [place for place, each in enumerate(languages) if each != "bn"]
    rows, facts = x[two], [contents[place] for place in two]
    spoken = [languages[place] for place in two]
    after = scrubbed(rows, subspace(rows, facts, spoken, "hi", 1, 0.999))
    means = [
        after[[each == name for each in spoken]].mean(dim=0) for name in ("hi", "en")
    ]  # fmt: skip
    torch.testing.assert_close(*means, atol=1e-5, rtol=0)
    torch.testing.assert_close(after @ content, rows @ content, atol=1e-5, rtol=0)


def test_what_leans_on_shared_content_is_left_where_content_is() -> None:
    """Without the shared part taken out of it, the direction of Hindi would drag content along."""
    x, contents, languages, content, own = planted(slant=4.0)
    less = scrubbed(x, subspace(x, contents, languages, "hi", 1, 0.999))
    alone = scrubbed(x, subspace(x, contents, languages, "hi", 1, 0.0))
    torch.testing.assert_close(less @ content, x @ content, atol=1e-5, rtol=0)
    assert float((alone @ content - x @ content).abs().max()) > 1.0
    hindi = [language == "hi" for language in languages]
    assert float((less[hindi] @ own).std()) < 1e-5


def test_a_fresh_probe_finds_no_hindi_where_it_did_before() -> None:
    """On contents that the scrub did not see, with noise in every direction."""
    x, contents, languages, *_ = planted(0.3, n=120)
    seen = np.array([int(name[1:]) % 2 == 0 for name, _ in contents])
    fitted = subspace(
        x[seen],
        [content for content, fit in zip(contents, seen, strict=True) if fit],
        [language for language, fit in zip(languages, seen, strict=True) if fit],
        "hi",
        1,
        0.99,
    )
    y = np.array([language == "hi" for language in languages])
    scores = []
    for rows in (x, scrubbed(x, fitted)):
        along = rows @ fitted["U"].double()
        probe = LogisticRegression().fit(along[seen], y[seen])
        scores.append(probe.score(along[~seen], y[~seen]))
    assert scores[0] == 1.0
    assert scores[1] == pytest.approx(2 / 3, abs=0.02)  # one of three languages: the constant


def test_absent_languages_and_too_little_parallel_text_are_refused() -> None:
    x, contents, languages, *_ = planted()
    with pytest.raises(ValueError, match="no rows in 'ur'.*bn, en, hi"):
        subspace(x, contents, languages, "ur", 1, 0.9)
    apart = [
        (f"{name}-{language}", r) for (name, r), language in zip(contents, languages, strict=True)
    ]
    with pytest.raises(ValueError, match="0 contents are asked in 'hi' and in another"):
        subspace(x, apart, languages, "hi", 1, 0.9)
    with pytest.raises(SpecError, match="shared"):
        Edit(shared=1.0)
