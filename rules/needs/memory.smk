"""What jobs of `rules/memory.smk` need: files, methods, slices."""


def planned_arms():
    """Every arm that is trained here, with its recipe; seeds decide no memory."""
    return [
        {"name": arm["name"], "steps": arm["steps"]}
        for arm in PLAN.listed("arms")
        if PLAN.config.arms[arm["name"]].trained
    ]


def planned_attacks():
    """Every attack that trains; which arms it is done to decides no memory."""
    conditions = PLAN.section("conditions")
    return [
        {"name": name, "attack": conditions[name]["attack"]}
        for name, condition in PLAN.config.conditions.items()
        if hasattr(condition.built(), "update")
    ]


def planned_steps():
    """Every step that is trained or computed here."""
    trained = [arm for arm in PLAN.config.arms.values() if arm.trained]
    return [step for arm in trained for step in arm.steps]


def planned_methods(wildcards):
    """Method files of every recipe."""
    objectives = {s.objective["name"] for s in planned_steps() if s.objective}
    named = [each["name"] for each in planned_attacks()]
    built = [PLAN.config.conditions[name].built() for name in named]
    return (
        {(OBJECTIVES, name) for name in objectives}
        | {(OBJECTIVES, name) for attack in built for name in attack.OBJECTIVES}
        | {(EDITS, name) for step in planned_steps() for name in step.edits()}
        | {(EDITS, name) for attack in built for name in attack.EDITS}
        | {(ATTACKS, each["attack"]["name"]) for each in planned_attacks()}
    )


def planned_defence(wildcards):
    """The defence data where some arm is fed from them."""
    needed = any(step.defends() for step in planned_steps())
    return DEFENCE_FILE if needed else []
