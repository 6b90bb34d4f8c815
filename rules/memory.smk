"""How much memory jobs will take: a plan before any model is edited, and a probe of it."""


include: "needs/memory.smk"


rule plan_memory:
    """From the base's config; stops the run where an update cannot fit."""
    input:
        model=lambda wildcards: model_files_of("0", "base"),
        tokenizer=tokenizer_files(),
        edit_data=SHOWN,
        defence=planned_defence,
    output:
        plan=f"{OUT}/tables/memory.parquet",
    log:
        f"{OUT}/logs/plan_memory.log",
    benchmark:
        f"{OUT}/benchmarks/plan_memory.tsv"
    priority: 9
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(
            arms=lambda wildcards: planned_arms(),
            attacks=lambda wildcards: planned_attacks(),
            load=PLAN.load(),
            memory_gib=PLAN.config.compute.memory_gib,
        ),
        code=code_of("plan_memory", named=planned_methods),
        io=io_of,
    shell:
        launch.command("plan_memory")


rule probe_memory:
    """The peak of one real update of an arm, beside what was planned for it."""
    input:
        model=lambda wildcards: model_files_of("0", "base"),
        plan=rules.plan_memory.output.plan,
        edit_data=SHOWN,
        defence=planned_defence,
        lens=arm_lens,
    output:
        probe=f"{OUT}/tables/memory/{{arm}}.parquet",
    log:
        f"{OUT}/logs/probe_memory/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/probe_memory/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(arm=recipe_of, load=PLAN.load()),
        code=code_of("probe_memory", named=training_methods),
        io=io_of,
    shell:
        launch.command("probe_memory")


if planned_steps():
    ask("plan_memory")
ask("probe_memory", [{"arm": arm} for arm in PLAN.config.compute.probe])
