"""What jobs of `rules/streams.smk` need: files, methods, slices."""


def stream_layers(wildcards):
    """The choice of layers, for a stream that keeps the chosen rows and names none itself."""
    if wildcards.stream != "sae" or PLAN.config.streams.sae.rows:
        return []
    return f"{OUT}/representation/pair{wildcards.pair}/layers.json"
