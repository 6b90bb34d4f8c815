"""Edits that are asked to forget in parts: what is left of each request."""


include: "needs/succession.smk"


rule estimate_succession:
    """What is left of every request, of countries not asked for, and of what is to be kept."""
    input:
        measurements=asked_measurements(),
        deck=FACTS_DECK,
        known=all_known(),
        edit_data=EDIT_DATA,
    output:
        succession=report(
            f"{OUT}/tables/succession.parquet",
            caption="../report/succession_table.rst",
            category="Tables",
            labels={"table": "Request after request"},
        ),
        figure=report(
            f"{OUT}/report/figures/succession.svg",
            caption="../report/succession.rst",
            category="Scorecard",
            labels={"figure": "Request after request"},
        ),
    log:
        f"{OUT}/logs/estimate_succession.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_succession.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics", requests=PLAN.requests()),
        code=code_of("estimate_succession"),
        io=io_of,
    shell:
        launch.command("estimate_succession")


if PLAN.requests():
    ask("estimate_succession")
