"""What is done to arms after their edit, on which items it is measured, and what comes back."""


include: "needs/conditions.smk"


rule build_stress_deck:
    input:
        facts_deck=FACTS_DECK,
    output:
        stress_deck=STRESS_DECK,
    log:
        f"{OUT}/logs/build_stress_deck.log",
    benchmark:
        f"{OUT}/benchmarks/build_stress_deck.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("stress"),
        code=code_of("build_stress_deck"),
        io=io_of,
    shell:
        launch.command("build_stress_deck")


rule attack_arm:
    """One attack on one arm; a relearning is trained once and kept at each listed update."""
    input:
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
        weights=arm_weights,
        model=arm_base_files,
        edit_data=EDIT_DATA,
        countries=CLUSTERS,
    output:
        attacked=directory(
            f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/conditions/{{attack}}"
        ),
    log:
        f"{OUT}/logs/attack_arm/{{arm}}-pair{{pair}}-seed{{seed}}-{{attack}}.log",
    benchmark:
        f"{OUT}/benchmarks/attack_arm/{{arm}}-pair{{pair}}-seed{{seed}}-{{attack}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(condition=condition_of),
        code=code_of("attack_arm", named=attack_methods),
        io=io_of,
    shell:
        launch.command("attack_arm")


rule estimate_recovery:
    """Plain measurements of the same items are the start of every curve."""
    input:
        plain=all_measurements("facts"),
        attacked=attacked_measurements(),
        known=all_known(),
        deck=STRESS_DECK,
    output:
        recovery=report(
            f"{OUT}/tables/recovery.parquet",
            caption="../report/recovery_table.rst",
            category="Tables",
            labels={"table": "Recovery"},
        ),
    log:
        f"{OUT}/logs/estimate_recovery.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_recovery.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics", "stress", curves=PLAN.curves()),
        code=code_of("estimate_recovery"),
        io=io_of,
    shell:
        launch.command("estimate_recovery")


rule draw_recovery:
    input:
        recovery=rules.estimate_recovery.output.recovery,
    output:
        recovery=report(
            f"{OUT}/report/figures/recovery.svg",
            caption="../report/recovery.rst",
            category="Scorecard",
            labels={"figure": "What comes back"},
        ),
    log:
        f"{OUT}/logs/draw_recovery.log",
    benchmark:
        f"{OUT}/benchmarks/draw_recovery.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_recovery"),
        io=io_of,
    shell:
        launch.command("draw_recovery")


rule relate_relearning:
    """Whether what is read inside tells how fast a model relearns."""
    input:
        estimates=rules.estimate.output.estimates,
        recovery=rules.estimate_recovery.output.recovery,
    output:
        relearning=f"{OUT}/tables/relearning.parquet",
    log:
        f"{OUT}/logs/relate_relearning.log",
    benchmark:
        f"{OUT}/benchmarks/relate_relearning.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics"),
        code=code_of("relate_relearning"),
        io=io_of,
    shell:
        launch.command("relate_relearning")


if PLAN.attacks():
    ask(
        "attack_arm",
        [
            {"arm": arm, "pair": pair, "seed": seed, "attack": attack}
            for arm, pair, seed, attack in PLAN.attacks()
        ],
    )
    ask("build_stress_deck estimate_recovery draw_recovery relate_relearning")
