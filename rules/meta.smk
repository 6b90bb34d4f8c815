"""The test of the metrics themselves, on models of which the truth is known."""


include: "needs/meta.smk"


rule estimate_meta:
    """Which metrics tell who knows from who never knew, and which a liar takes in."""
    input:
        plain=all_measurements("facts") + patching_measurements() + depth_measurements(),
        attacked=attacked_measurements(),
        decks=list(dict.fromkeys([FACTS_DECK, LENS_DECK])),
        known=all_known(),
        published=PUBLISHED,
    output:
        meta=report(
            f"{OUT}/tables/meta.parquet",
            caption="../report/meta.rst",
            category="Tables",
            labels={"table": "Metrics on trial"},
        ),
    log:
        f"{OUT}/logs/estimate_meta.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_meta.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics", "meta", attacks=PLAN.kinds_of_attack()),
        code=code_of("estimate_meta", named=tried_methods),
        io=io_of,
    shell:
        launch.command("estimate_meta")


if "oracle" in PLAN.unedited():
    ask("estimate_meta")
