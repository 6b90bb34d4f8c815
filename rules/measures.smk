"""From records to numbers: measurements per arm and deck, then estimates over all of them."""


include: "needs/measures.smk"


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
        gradients=gradient_files,
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
