"""From records to numbers: measurements per arm and deck, then estimates over all of them."""


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


rule train_language_id:
    """Tells languages apart, for metrics of language; and how often it errs."""
    input:
        facts=FACTS,
    output:
        model=f"{OUT}/measurements/language_id.json",
        errors=f"{OUT}/measurements/language_id.parquet",
    log:
        f"{OUT}/logs/train_language_id.log",
    benchmark:
        f"{OUT}/benchmarks/train_language_id.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(language_id=PLAN.section("measures")["language_id"]),
        code=code_of("train_language_id"),
        io=io_of,
    shell:
        launch.command("train_language_id")


rule measure:
    input:
        generations=f"{OUT}/records/{RUN}/generations.parquet",
        tokens=of_models(f"{OUT}/records/{RUN}/tokens.parquet"),
        rows=of_models(f"{OUT}/records/{RUN}/rows.parquet"),
        head=lambda wildcards: (
            [] if PLAN.outputs(wildcards.arm) else arm_head(wildcards)
        ),
        values=of_outputs(f"{OUT}/records/{RUN}/values.parquet"),
        deck=f"{OUT}/world/decks/{{deck}}.parquet",
        language_id=language_files,
    output:
        measurements=f"{OUT}/measurements/{RUN}.parquet",
    log:
        f"{OUT}/logs/measure/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.tsv"
    wildcard_constraints:
        deck="|".join([*PLAN.decks(), STRESS]),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(metrics=metrics_of),
        code=code_of("measure", named=metric_methods),
        io=io_of,
    shell:
        launch.command("measure")


rule find_known:
    """Which facts the base knows, decided on other templates than those scored."""
    input:
        measurements=base_measurements,
        decks=list(dict.fromkeys([FACTS_DECK, LENS_DECK])),
    output:
        known=f"{OUT}/measurements/known/pair{{pair}}.parquet",
    log:
        f"{OUT}/logs/find_known/pair{{pair}}.log",
    benchmark:
        f"{OUT}/benchmarks/find_known/pair{{pair}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(known=PLAN.section("measures")["known"]),
        code=code_of("find_known"),
        io=io_of,
    shell:
        launch.command("find_known")


rule estimate:
    input:
        measurements=all_measurements()
        + patching_measurements()
        + depth_measurements()
        + tests_measurements()
        + attacked_measurements(),
        known=all_known(),
        decks=deck_files(),
    output:
        estimates=report(
            f"{OUT}/tables/estimates.parquet",
            caption="../report/estimates.rst",
            category="Tables",
            labels={"table": "Estimates"},
        ),
    log:
        f"{OUT}/logs/estimate.log",
    benchmark:
        f"{OUT}/benchmarks/estimate.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            "statistics", estimands=PLAN.listed("estimands"), judged=PLAN.judged()
        ),
        code=code_of("estimate"),
        io=io_of,
    shell:
        launch.command("estimate")


rule decide_claims:
    input:
        estimates=rules.estimate.output.estimates,
    output:
        claims=report(
            f"{OUT}/tables/claims.parquet",
            caption="../report/claims.rst",
            category="Tables",
            labels={"table": "Claims"},
        ),
        markdown=f"{OUT}/tables/claims.md",
        latex=f"{OUT}/tables/claims.tex",
    log:
        f"{OUT}/logs/decide_claims.log",
    benchmark:
        f"{OUT}/benchmarks/decide_claims.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            claims=PLAN.listed("claims"),
            headlines=PLAN.listed("headlines"),
            defences=PLAN.defences(),
        ),
        code=code_of("decide_claims"),
        io=io_of,
    shell:
        launch.command("decide_claims")


ask("measure", [job for job in ASKED_OF_ARMS if job["deck"] != "lens"])
ask("measure", [run | {"deck": "facts"} for run in READ])
ask("find_known", PAIRS)
ask("estimate decide_claims")
if any(
    set(OF_LANGUAGE) & set(names) for names in PLAN.config.measures.metrics.values()
):
    ask("train_language_id")
