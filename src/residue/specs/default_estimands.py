"""The estimands of the default story: levels for the figures, differences for the claims."""

from __future__ import annotations

from residue.specs.claims import FORGET, RETAIN, EstimandSpec

SEEN = {"family": ("seen",), "style": ("plain",)}
FORMS = ("diluted", "twice", "listed", "romanised", "few_shot")
"""Styles of the items that `decks.forms` asks in other forms."""


def _facts(title: str, **options: object) -> EstimandSpec:
    where = {**SEEN, **options.pop("where", {})}  # type: ignore[dict-item]
    return EstimandSpec(title=title, where=where, **options)  # type: ignore[arg-type]


def default_estimands() -> dict[str, EstimandSpec]:
    """The estimands of the default story: levels for the figures, differences for the claims."""
    forget = {"split": FORGET, "requested": (True,)}
    leak = {"split": FORGET, "requested": (False,)}
    retain = {"split": RETAIN}
    # The lens deck asks each fact once in its original form; users' items are plain.
    asked_once = {"style": ("orig", "plain")}
    return {
        "forget": _facts("Forget facts, languages asked for", where=forget),
        "forget_vs_oracle": _facts(
            "Forget facts, languages asked for, by wording",
            where={**forget, "family": ("seen", "held_out")},
            by=("family",),
            reference="oracle",
        ),
        "leak": _facts("Forget facts, other languages", where=leak),
        "leak_vs_oracle": _facts("Forget facts, other languages", where=leak, reference="oracle"),
        "attacked_vs_oracle": _facts(
            "Forget facts that no attack showed, languages asked for, after an attack",
            where={"split": ("forget_test",), "requested": (True,)},
            reference="oracle",
            conditions=("relearn_other_60", "nf4"),
            reference_condition="same",
        ),
        "retain": _facts("Retain facts", where=retain),
        "retain_by_split": _facts("Retain facts by split", where=retain, by=("split",)),
        "retain_vs_base": _facts(
            "Retain facts by split", where=retain, by=("split",), reference="base"
        ),
        "forget_by_language": _facts(
            "Forget facts by language", where={"split": FORGET}, by=("language",)
        ),
        "retain_by_language": _facts("Retain facts by language", where=retain, by=("language",)),
        "forget_held_out": _facts(
            "Forget facts, held-out wordings", where={**forget, "family": ("held_out",)}
        ),
        "retain_held_out": _facts(
            "Retain facts, held-out wordings", where={**retain, "family": ("held_out",)}
        ),
        "forget_mixed_language": _facts(
            "Forget facts, two languages in one prompt",
            where={"split": FORGET, "style": ("mixed_language",)},
        ),
        "retain_mixed_language": _facts(
            "Retain facts, two languages in one prompt",
            where={"split": RETAIN, "style": ("mixed_language",)},
            by=("language",),
        ),
        "forget_by_form": _facts(
            "Forget facts put in other forms; read beside the base, which some forms confuse",
            where={"split": ("forget_test",), "family": ("changed",), "style": FORMS},
            by=("style",),
        ),
        "retain_by_form": _facts(
            "Retain facts put in other forms",
            where={"split": ("retain_untouched",), "family": ("changed",), "style": FORMS},
            by=("style",),
        ),
        "same_answer": _facts(
            "Retain facts that share an answer with a forget fact, or not",
            where=retain,
            by=("same_answer",),
        ),
        "near_neighbour": _facts(
            "Retain countries that border a forgotten one, or not",
            where=retain,
            by=("near_neighbour",),
        ),
        "dev_forget": _facts(
            "Forget facts on which choices are made, languages asked for",
            where={"split": ("dev_forget",), "requested": (True,)},
        ),
        "dev_retain": _facts(
            "Retain facts on which choices are made", where={"split": ("dev_retain",)}
        ),
        "never_seen": _facts(
            "Facts that no model was trained on",
            where={"split": ("never_seen",)},
            only_known=False,
        ),
        "forget_probability": _facts(
            "Forget facts, languages asked for", metric="answer_probability", where=forget
        ),
        "forget_extraction": _facts(
            "Forget facts, languages asked for", metric="extraction_strength", where=forget
        ),
        "forget_memorisation": _facts(
            "Forget facts, languages asked for", metric="exact_memorisation", where=forget
        ),
        "forget_depth": _facts(
            "Forget facts, languages asked for",
            metric="patching_depth",
            where={"split": ("forget_test",), "requested": (True,)},
        ),
        "forget_depth_vs_oracle": _facts(
            "Forget facts, languages asked for",
            metric="patching_depth",
            where={"split": ("forget_test",), "requested": (True,)},
            reference="oracle",
        ),
        "retain_depth": _facts(
            "Retain facts: what an edit took from rows without being asked",
            metric="patching_depth",
            where={"split": ("retain_untouched",)},
        ),
        "patching_loss": _facts(
            "By split; on the oracle's line, a loss on retain facts is drift of its rows",
            metric="patching_loss",
            where={"split": ("forget_test", "retain_untouched")},
            by=("split",),
            statistic="mean",
        ),
        "retain_perplexity": _facts(
            "Retain facts",
            metric="perplexity",
            where=retain,
            statistic="perplexity",
            only_known=False,
        ),
        "membership": _facts(
            "Forget facts told from facts in no training text, by how they are read",
            metric="membership_min_k",
            where={"split": ("forget_test",)},
            against={**SEEN, "split": ("never_seen",)},
            by=("language",),
            statistic="auc",
            only_known=False,
        ),
        "forget_quality": _facts(
            "Forget facts, languages asked for: distance from the oracle's probabilities",
            metric="answer_probability",
            where=forget,
            statistic="ks",
            reference="oracle",
        ),
        "reply_script": _facts(
            "Forget facts: replies in the script of the question's language",
            metric="language_by_script",
            where={"split": FORGET},
            by=("language",),
            only_known=False,
        ),
        "reply_in_hindi": _facts(
            "Forget facts asked in Hindi: replies in Hindi, in any script",
            metric="language_probability",
            where={"split": FORGET, "language": ("hi",)},
            only_known=False,
        ),
        "refusals": _facts(
            "Forget facts, languages asked for", metric="refusal", where=forget, only_known=False
        ),
        "degenerate": _facts("Retain facts", metric="degeneration", where=retain, only_known=False),
        "lens_recall": _facts(
            "Forget facts, languages asked for, read inside the model",
            metric="lens_recall",
            where={**forget, **asked_once},
        ),
        "lens_recall_vs_oracle": _facts(
            "Forget facts, languages asked for, read inside the model",
            metric="lens_recall",
            where={**forget, **asked_once},
            reference="oracle",
        ),
        "lens_recall_leak": _facts(
            "Forget facts, other languages, read inside the model",
            metric="lens_recall",
            where={**leak, **asked_once},
        ),
        "readout": _facts(
            "Forget facts, languages asked for, told from others by a readout of each row",
            metric="readout_auc",
            where=forget,
            by=("row",),
        ),
        "readout_vs_oracle": _facts(
            "Forget facts, languages asked for, told from others by a readout of each row",
            metric="readout_auc",
            where={**forget, "family": ("seen", "held_out")},
            by=("row",),
            reference="oracle",
        ),
        "order_shift": EstimandSpec(
            title="What hidden orders do to answers that do not depend on them, retain countries",
            metric="order_shift",
            where={"split": RETAIN},
            only_known=False,
        ),
        "instructions": EstimandSpec(
            title="Instructions without an attack, retain countries",
            metric="instruction_accuracy",
            where={"split": RETAIN, "family": ("none",), "style": ("plain",)},
            only_known=False,
        ),
        "instructions_vs_base": EstimandSpec(
            title="Instructions without an attack, retain countries",
            metric="instruction_accuracy",
            where={"split": RETAIN, "family": ("none",), "style": ("plain",)},
            reference="base",
            only_known=False,
        ),
        "orders_obeyed": EstimandSpec(
            title="Orders hidden in the data, retain countries",
            metric="orders_obeyed",
            where={"split": RETAIN},
            only_known=False,
        ),
        "orders_obeyed_by_family": EstimandSpec(
            title="Orders hidden in the data, by family of the attack, retain countries",
            metric="orders_obeyed",
            where={"split": RETAIN},
            by=("family",),
            only_known=False,
        ),
        "fidelity_vs_base": EstimandSpec(
            title="Quotes of data with an order in them, retain countries",
            metric="fidelity",
            where={"split": RETAIN},
            reference="base",
            only_known=False,
        ),
        "right_under_attack": EstimandSpec(
            title="Right although an order is hidden in the data, retain countries",
            metric="right_under_attack",
            where={"split": RETAIN},
            only_known=False,
        ),
    }
