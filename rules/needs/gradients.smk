"""What jobs of `rules/gradients.smk` need: on which decks a metric reads gradients."""


def pulls(deck):
    """Whether a metric of the deck reads gradients; the lens deck is measured by lenses alone."""
    return deck != "lens" and bool(set(OF_GRADIENTS) & set(PLAN.metrics_of(deck)))


def gradient_files(wildcards):
    """The gradients of a run, where a metric reads them and there is a model."""
    if PLAN.outputs(wildcards.arm) or not pulls(wildcards.deck):
        return []
    return f"{OUT}/records/{RUN}/gradients.parquet"
