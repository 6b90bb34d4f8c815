"""KCI: its identity, its size, and its power above one dimension."""

from __future__ import annotations

import numpy as np
import pytest

from residue.stats.kci import kci_of_grams, kci_test
from residue.stats.kernels import squared_distances


def test_hadamard_product_is_the_gram_matrix_of_eigenvector_products() -> None:
    """Mean and variance of the null law against the sum over products of eigenvectors."""
    random = np.random.default_rng(0)
    n = 25
    a, b = (m @ m.T for m in random.normal(size=(2, n, n)))
    (p, u), (q, v) = np.linalg.eigh(a), np.linalg.eigh(b)
    w = ((u * np.sqrt(p))[:, :, None] * (v * np.sqrt(q))[:, None, :]).reshape(n, -1)
    product = w @ w.T
    assert np.allclose(product, a * b)


def test_size_and_power_given_a_common_cause() -> None:
    random = np.random.default_rng(1)
    false = true = 0
    for _ in range(40):
        z = random.normal(size=(150, 1))
        x, y = np.tanh(z) + 0.5 * random.normal(size=(2, 150, 1))
        false += kci_test(x, y, z).p_value <= 0.05
        true += kci_test(x, y + 0.7 * x, z).p_value <= 0.05
    assert false <= 6  # binomial(40, 0.05): P(> 6) < 0.005
    assert true >= 36


@pytest.mark.parametrize("width", ["median", "empirical"])
def test_power_does_not_die_above_one_dimension(width: str) -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 8))
    found = kci_test(x, x + random.normal(size=(200, 8)), width=width)  # type: ignore[arg-type]
    assert found.p_value < 1e-6


def test_units_play_no_part_given_z() -> None:
    random = np.random.default_rng(3)
    z = random.normal(size=(60, 2))
    x, y = z[:, 0] + random.normal(size=60), z[:, 1] + random.normal(size=60)
    one = kci_test(x, y, z)
    other = kci_test(1e3 * x - 5, y / 7, z * [2.0, 0.01] + 3)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x, y, z: (x[:10], y[:10], z[:10]), "too few"),
        (lambda x, y, z: (x, y[:-1], z), "lengths differ"),
        (lambda x, y, z: (x * 0, y, z), "x is constant"),
        (lambda x, y, z: (x, y, z * np.inf), "z is not finite"),
    ],
)
def test_bad_input_is_named(change: object, says: str) -> None:
    x, y, z = np.random.default_rng(4).normal(size=(3, 30))
    with pytest.raises(ValueError, match=says), np.errstate(invalid="ignore"):
        kci_test(*change(x, y, z))  # type: ignore[operator]


def test_the_test_on_kernels_as_given_is_that_on_samples() -> None:
    rng = np.random.default_rng(5)
    x, y, z = (rng.normal(size=(60, 1)) for _ in range(3))

    def kernel(sample: np.ndarray) -> np.ndarray:
        return np.exp(-squared_distances(sample) / 2.0)

    x, y, z = ((each - each.mean()) / each.std(ddof=1) for each in (x, y, z))
    plain = kci_test(x, y, width=1.0).p_value
    assert kci_of_grams(kernel(x), kernel(y)).p_value == pytest.approx(plain)
    given = kci_test(x, y, z, width=1.0).p_value
    # There x stands beside z / 2, here k_x times the kernel of z / 2.
    joint = kernel(np.concatenate([x, 0.5 * z], axis=1)) / kernel(z)
    assert kci_of_grams(joint, kernel(y), kernel(z)).p_value == pytest.approx(given)
