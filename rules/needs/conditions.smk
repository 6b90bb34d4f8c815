"""What jobs of `rules/conditions.smk` need: files, methods, slices."""

STRESS_DECK = f"{OUT}/world/decks/{STRESS}.parquet"


def attack_methods(wildcards):
    """Method files of an attack: its own, what it puts on top and trains with, the arm's edits."""
    attack = PLAN.config.conditions[wildcards.attack]
    used = attack.built()
    return (
        edit_methods(wildcards)
        | {(ATTACKS, attack.attack["name"])}
        | {(EDITS, name) for name in used.EDITS}
        | {(OBJECTIVES, name) for name in used.OBJECTIVES}
    )


def condition_of(wildcards):
    """The attack of a job; which arms it is done to is no part of what one of them depends on."""
    return {"attack": PLAN.section("conditions")[wildcards.attack]["attack"]}


def recovery_files(*names):
    """What is made where some arm is attacked; nothing where none is."""
    return [f"{OUT}/{name}" for name in names] if PLAN.attacks() else []
