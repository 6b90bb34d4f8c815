"""What jobs of `rules/tests.smk` need: files, methods, slices."""

TESTED = [{"arm": arm} for arm in PLAN.tested()]
EXCHANGED = [run for run in RUNS if PLAN.tests_orders()]
CELL = ["task", "language"] if PLAN.own_data else ["relation", "language"]


def tested_rows(deck):
    """Rows of an arm on a deck, run by run."""

    def files(wildcards):
        return [
            f"{OUT}/records/{wildcards.arm}/pair{pair}/seed{seed}/plain/{deck}/rows.parquet"
            for pair, seed in arm_runs(wildcards)
        ]

    return files


def first_orders(kind):
    """Records of the orders deck by an arm's first seed on the first pair."""

    def file(wildcards):
        run = f"{wildcards.arm}/pair0/seed{first_seed(wildcards.arm)}"
        return f"{OUT}/records/{run}/plain/orders/{kind}.parquet"

    return file


def tests_files(kind):
    """What the tests of every arm wrote."""
    return [f"{OUT}/independence/{kind}/{job['arm']}.parquet" for job in TESTED]


def asked_runs(wildcards):
    """(arm, pair, seed) of the runs whose twins exchange rows."""
    return [[run["arm"], run["pair"], run["seed"]] for run in EXCHANGED]
