"""What jobs of `rules/records.smk` need: files, methods, slices."""


def arm_home(arm, pair, seed):
    return f"{OUT}/arms/{arm}/pair{pair}/seed{seed}"


def arm_in_condition(wildcards):
    """The arm.json of an arm, or the folder of the attack that makes its condition."""
    home = arm_home(wildcards.arm, wildcards.pair, wildcards.seed)
    if wildcards.condition == PLAIN:
        return f"{home}/arm.json"
    return f"{home}/conditions/{PLAN.attack_of(wildcards.condition)}"


RUN = "{arm}/pair{pair}/seed{seed}/{condition}/{deck}"


def models_that_speak():
    """Wildcard constraint: the arms that have a model to be asked."""
    return "|".join(PLAN.arms()) or "no-arms"
