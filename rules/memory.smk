"""How much memory jobs will take: a plan before any model is edited, and a probe of it."""


def planned_arms():
    """Every arm that is trained here, with its recipe; seeds decide no memory."""
    return [
        {"name": arm["name"], "steps": arm["steps"]}
        for arm in PLAN.listed("arms")
        if PLAN.config.arms[arm["name"]].trained
    ]


def planned_steps():
    """Every step that is trained or computed here."""
    trained = [arm for arm in PLAN.config.arms.values() if arm.trained]
    return [step for arm in trained for step in arm.steps]


def planned_methods(wildcards):
    """Method files of every recipe."""
    objectives = {s.objective["name"] for s in planned_steps() if s.objective}
    return {(OBJECTIVES, name) for name in objectives} | {
        (EDITS, step.edit["name"]) for step in planned_steps()
    }


def planned_defence(wildcards):
    """The defence data where some arm is fed from them."""
    needed = any(step.defends() for step in planned_steps())
    return DEFENCE_FILE if needed else []


rule plan_memory:
    """From the base's config; stops the run where an update cannot fit."""
    input:
        model=lambda wildcards: model_files_of("0", "base"),
        tokenizer=tokenizer_files(),
        edit_data=EDIT_DATA,
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
        edit_data=EDIT_DATA,
        defence=planned_defence,
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
