"""Guidance: reasons in order, with the numbers that gave them."""

from __future__ import annotations

import numpy as np

from residue.lens.summaries import guidance


def test_reasons_come_in_the_rules_order_with_their_numbers() -> None:
    numbers = {
        "gates_passing": np.array([0.5, 1.0]),
        "last_row_warning": np.array([1.0, 1.0]),
        "artefact_score": np.array([0.5, 0.5]),
        "norm_spikes": np.array([0.0, np.nan]),
    }
    made = guidance.guidance(numbers)
    assert guidance.reasons(made) == ["warn_high_last_layer_kl", "scale_sensitive_semantic_gate"]
    line = made.set_index("reason").loc["scale_sensitive_semantic_gate"]
    assert (line["median"], line["threshold"], line["n_items"], line["n_triggered"]) == (
        0.75, 0.75, 2, 1,
    )  # fmt: skip
    assert not made.set_index("reason").loc["high_lens_artifact_score", "given"]
    assert made.set_index("reason").loc["normalization_spike", "n_items"] == 1


def test_a_reason_needs_its_share_of_the_items() -> None:
    numbers = {"semantic_without_margin": np.array([1.0, 0.0, 0.0, np.nan])}
    assert guidance.reasons(guidance.guidance(numbers, share=0.5)) == []
    assert guidance.reasons(guidance.guidance(numbers, share=0.3)) == ["rank_only_near_uniform"]


def test_what_was_not_measured_gives_no_line() -> None:
    assert len(guidance.guidance({"norm_spikes": np.array([np.nan])})) == 0
    assert len(guidance.guidance({})) == 0


def test_each_rule_names_its_own_reason_and_quantity() -> None:
    assert len({rule.reason for rule in guidance.RULES}) == len(guidance.RULES)
    assert len({rule.quantity for rule in guidance.RULES}) == len(guidance.RULES)
