"""What jobs of `rules/succession.smk` need: files, methods, slices."""


def asked_measurements():
    """Answers of base, oracle and the arms that are asked to forget in parts."""
    arms = {*UNEDITED, *(each["arm"] for each in PLAN.requests())}
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/{PLAIN}/facts.parquet"
        for arm, pair, seed in PLAN.modelled()
        if arm in arms
    ]


def succession_files(*names):
    """What is made where some edit is asked to forget in parts; nothing where none is."""
    return [f"{OUT}/{name}" for name in names] if PLAN.requests() else []
