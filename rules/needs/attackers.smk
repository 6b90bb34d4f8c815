"""What jobs of `rules/attackers.smk` need: files, methods, slices."""

ATTACKED = [
    {"arm": arm, "pair": pair, "seed": seed} for arm, pair, seed in PLAN.adaptive()
]


def attacker_methods(wildcards):
    """Files of the attackers, and of what puts the arm together."""
    named = {(ATTACKERS, each["name"]) for each in PLAN.config.adaptive.attackers}
    return named | edit_methods(wildcards)


def adaptive_files(*names):
    """Files of this suite; none where nobody adapts."""
    return [f"{OUT}/{name}" for name in names] if PLAN.adaptive() else []
