"""Attacks through the data: what every arm does under them, what that bounds, and the judge."""


include: "needs/injection.smk"


rule estimate_injection:
    input:
        measurements=all_measurements("orders"),
        rows=orders_records("rows"),
        deck=f"{OUT}/world/decks/orders.parquet",
        labels=label_files(),
    output:
        injection=report(
            f"{OUT}/tables/injection.parquet",
            caption="../report/injection_table.rst",
            category="Tables",
            labels={"table": "Injection"},
        ),
        certificate=report(
            f"{OUT}/tables/certificate.parquet",
            caption="../report/certificate.rst",
            category="Tables",
            labels={"table": "Certificate"},
        ),
    log:
        f"{OUT}/logs/estimate_injection.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_injection.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            "statistics", "injection", runs=[list(run) for run in PLAN.modelled()]
        ),
        code=code_of("estimate_injection"),
        io=io_of,
    shell:
        launch.command("estimate_injection")


rule judge_replies:
    """The judge on labelled replies, and some replies for people to judge."""
    input:
        generations=orders_records("generations"),
        deck=f"{OUT}/world/decks/orders.parquet",
        references=REFERENCES,
    output:
        judge=f"{OUT}/tables/judge.parquet",
        escapes=f"{OUT}/tables/escapes.parquet",
    log:
        f"{OUT}/logs/judge_replies.log",
    benchmark:
        f"{OUT}/benchmarks/judge_replies.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            "statistics",
            examples=PLAN.config.injection.examples,
            runs=[list(run) for run in PLAN.modelled()],
        ),
        code=code_of("judge_replies"),
        io=io_of,
    shell:
        launch.command("judge_replies")


rule draw_injection:
    input:
        injection=rules.estimate_injection.output.injection,
    output:
        plane=report(
            f"{OUT}/report/figures/attack_plane.svg",
            caption="../report/attack_plane.rst",
            category="Scorecard",
            labels={"figure": "Right under attack, and of use"},
        ),
    log:
        f"{OUT}/logs/draw_injection.log",
    benchmark:
        f"{OUT}/benchmarks/draw_injection.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_injection"),
        io=io_of,
    shell:
        launch.command("draw_injection")


if PLAN.asks_orders():
    ask("estimate_injection judge_replies draw_injection")
