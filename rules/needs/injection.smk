"""What jobs of `rules/injection.smk` need: files, methods, slices."""

REFERENCES = "data/judge_references.jsonl"


def orders_records(name):
    """One record of the deck `orders` for every run, in their order."""
    return [
        f"{OUT}/records/{arm}/pair{pair}/seed{seed}/plain/orders/{name}.parquet"
        for arm, pair, seed in PLAN.modelled()
    ]


def label_files():
    """Labels of the run's replies, if someone made any."""
    labels = PLAN.config.injection.labels
    return [labels] if labels else []


def injection_files(*names):
    """Files of this suite; none where no orders are asked."""
    return [f"{OUT}/{name}" for name in names] if PLAN.asks_orders() else []
