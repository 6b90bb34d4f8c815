"""What jobs of `rules/measures.smk` need: files, methods, slices."""


def metrics_of(wildcards):
    return list(PLAN.metrics_of(wildcards.deck))


def language_files(wildcards):
    """The language identifier, for the decks on which a metric reads it."""
    if not set(OF_LANGUAGE) & set(metrics_of(wildcards)):
        return []
    return [f"{OUT}/measurements/language_id.{kind}" for kind in ("json", "parquet")]


def metric_methods(wildcards):
    return {(METRICS, name) for name in metrics_of(wildcards)}


def spoken_decks():
    """Decks whose measurements come from what models say; the lens deck's come from lens tables."""
    return [deck for deck in PLAN.decks() if deck != "lens"]


def all_measurements(*decks):
    """Measurements of every arm on the named decks; on all of them if none is named."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/plain/{deck}.parquet"
        for arm, pair, seed in PLAN.runs()
        for deck in (decks or spoken_decks())
        if deck == "facts" or not PLAN.outputs(arm)
    ]


def attacked_measurements():
    """Measurements of every arm in every condition but the plain one."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/{condition}/{STRESS}.parquet"
        for arm, pair, seed, condition in PLAN.attacked()
    ]


def patching_measurements():
    """Measurements of depth, of the arms that are patched."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/plain/patching.parquet"
        for arm, pair, seed in PLAN.patched()
    ]


def depth_measurements():
    """Measurements of the lens deck, arm by arm."""
    arms = PLAN.arms() if PLAN.reads_rows() else []
    return [f"{OUT}/measurements/depth/{arm}.parquet" for arm in arms]


def of_models(path):
    """A file that there is of arms with a model alone."""
    return lambda wildcards: [] if PLAN.outputs(wildcards.arm) else path


def of_outputs(path):
    """A file that there is of arms that are known by their outputs alone."""
    return lambda wildcards: path if PLAN.outputs(wildcards.arm) else []


def base_measurements(wildcards):
    """What decides what the base knows; of a base that nothing is known of, nothing."""
    if "base" not in PLAN.unedited():
        return []
    return f"{OUT}/measurements/base/pair{wildcards.pair}/seed0/plain/facts.parquet"


def tests_measurements():
    """Measurements that the tests inside the models hand on."""
    return [f"{OUT}/measurements/tests.parquet"] if PLAN.tested() else []


def all_known():
    return [
        f"{OUT}/measurements/known/pair{pair}.parquet"
        for pair in range(PLAN.config.pairs)
    ]
