"""Attackers who adapt to the model: what they try, how far they come, and what that takes."""


include: "needs/attackers.smk"


rule attack_orders:
    """Every attempt of every attacker on one arm."""
    input:
        facts=FACTS,
        deck=f"{OUT}/world/decks/orders.parquet",
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
        weights=arm_weights,
        model=arm_base_files,
    output:
        attempts=f"{OUT}/injection/adaptive/{{arm}}/pair{{pair}}/seed{{seed}}.parquet",
    log:
        f"{OUT}/logs/attack_orders/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/attack_orders/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(
            world=PLAN.items_world(),
            attackers=PLAN.section("adaptive")["attackers"],
            max_new_tokens=PLAN.config.records.max_new_tokens,
        ),
        code=code_of("attack_orders", named=attacker_methods),
        io=io_of,
    shell:
        launch.command("attack_orders")


rule estimate_attackers:
    input:
        attempts=[
            f"{OUT}/injection/adaptive/{arm}/pair{pair}/seed{seed}.parquet"
            for arm, pair, seed in PLAN.adaptive()
        ],
    output:
        adaptive=report(
            f"{OUT}/tables/adaptive.parquet",
            caption="../report/adaptive_table.rst",
            category="Tables",
            labels={"table": "Attackers that adapt"},
        ),
    log:
        f"{OUT}/logs/estimate_attackers.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_attackers.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics", runs=[list(run) for run in PLAN.adaptive()]),
        code=code_of("estimate_attackers"),
        io=io_of,
    shell:
        launch.command("estimate_attackers")


rule draw_attackers:
    input:
        adaptive=rules.estimate_attackers.output.adaptive,
    output:
        curves=report(
            f"{OUT}/report/figures/adaptive.svg",
            caption="../report/adaptive.rst",
            category="Scorecard",
            labels={"figure": "Attackers that adapt"},
        ),
    log:
        f"{OUT}/logs/draw_attackers.log",
    benchmark:
        f"{OUT}/benchmarks/draw_attackers.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_attackers"),
        io=io_of,
    shell:
        launch.command("draw_attackers")


if ATTACKED:
    ask("attack_orders", ATTACKED)
    ask("estimate_attackers draw_attackers")
