"""What jobs of `rules/selftest.smk` need: files, methods, slices."""


def selftest_files(arm):
    """The self-tests of an arm, pair by pair and seed by seed: inputs of its lens tables."""
    return [
        f"{OUT}/lens/selftest/{arm}/pair{pair}/seed{seed}.parquet"
        for name, pair, seed in PLAN.modelled()
        if name == arm
    ]


MODEL = "{arm}/pair{pair}/seed{seed}"
