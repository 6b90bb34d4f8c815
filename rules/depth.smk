"""Across arms, row by row: what lenses still read of the answers, and pictures of it."""


include: "needs/depth.smk"


rule measure_depth:
    """Lens recall, log-odds and rank of every item of one arm, over its pairs and seeds."""
    input:
        own=lambda wildcards: lens_table(PLAN.config.depth.lens, wildcards.arm),
        base=lens_table(PLAN.config.depth.lens, "base"),
        oracle=[
            lens_table(PLAN.config.depth.lens, role)
            for role in PLAN.unedited()
            if role == "oracle"
        ],
        deck=LENS_DECK,
    output:
        measurements=f"{OUT}/measurements/depth/{{arm}}.parquet",
    log:
        f"{OUT}/logs/measure_depth/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure_depth/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(metrics=PLAN.section("measures")["metrics"]["lens"]),
        code=code_of("measure_depth", named=depth_methods),
        io=io_of,
    shell:
        launch.command("measure_depth")


rule estimate_depth:
    """Levels and paired differences at every row, with bands over all rows at once."""
    input:
        tables=[
            lens_table(lens, arm)
            for lens in PLAN.config.depth.lenses
            for arm in PLAN.arms()
        ],
        deck=LENS_DECK,
        known=all_known(),
    output:
        depth=report(
            f"{OUT}/tables/depth.parquet",
            caption="../report/depth.rst",
            category="Tables",
            labels={"table": "Depth"},
        ),
    log:
        f"{OUT}/logs/estimate_depth.log",
    benchmark:
        f"{OUT}/benchmarks/estimate_depth.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics", depth=PLAN.compared()),
        code=code_of("estimate_depth"),
        io=io_of,
    shell:
        launch.command("estimate_depth")


rule final_predictions:
    """What one arm would say next, at several temperatures, from its last row and head."""
    input:
        rows=deck_rows,
        heads=own_heads,
        tokenizer=tokenizer_files(),
    output:
        predictions=f"{OUT}/lens/final/{{arm}}.parquet",
    log:
        f"{OUT}/logs/final_predictions/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/final_predictions/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(depth=PLAN.predicted(), runs=arm_runs),
        code=code_of("final_predictions"),
        io=io_of,
    shell:
        launch.command("final_predictions")


rule trace_prompts:
    """Rows at every position of a few prompts, of the first pair and the arm's first seed."""
    input:
        arm=traced_arm,
        weights=traced_weights,
        model=lambda wildcards: model_files_of(0, role_of(wildcards.arm)),
        deck=LENS_DECK,
        known=f"{OUT}/measurements/known/pair0.parquet",
    output:
        traces=f"{OUT}/lens/traces/{{arm}}.parquet",
    log:
        f"{OUT}/logs/trace_prompts/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/trace_prompts/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(traced=list(PLAN.config.depth.traced)),
        code=code_of("trace_prompts", named=edit_methods),
        io=io_of,
    shell:
        launch.command("trace_prompts")


rule draw_depth:
    """Curves over the rows of every arm, as one lens reads them."""
    input:
        depth=rules.estimate_depth.output.depth,
    output:
        figure=report(
            f"{OUT}/report/figures/depth_{{lens}}.svg",
            caption="../report/depth_curves.rst",
            category="Inside",
            labels={"figure": "Row by row, lens {lens}"},
        ),
    log:
        f"{OUT}/logs/draw_depth/{{lens}}.log",
    benchmark:
        f"{OUT}/benchmarks/draw_depth/{{lens}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_depth"),
        io=io_of,
    shell:
        launch.command("draw_depth")


rule draw_trace:
    """Single prompts, row by position, in the base, one arm, and their difference."""
    input:
        base=f"{OUT}/lens/traces/base.parquet",
        arm=f"{OUT}/lens/traces/{{arm}}.parquet",
        head=[
            f"{OUT}/models/pair0/base.head.safetensors",
            f"{OUT}/models/pair0/base.arch.json",
        ],
        deck=LENS_DECK,
        tokens=f"{OUT}/records/base/pair0/seed0/plain/{PLAN.lens_deck()}/tokens.parquet",
        tokenizer=tokenizer_files(),
    output:
        figure=report(
            f"{OUT}/report/figures/trace_{{arm}}.svg",
            caption="../report/trace.rst",
            category="Inside",
            labels={"figure": "Prompts in {arm}"},
        ),
    log:
        f"{OUT}/logs/draw_trace/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/draw_trace/{{arm}}.tsv"
    wildcard_constraints:
        arm=edited_arms(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_trace"),
        io=io_of,
    shell:
        launch.command("draw_trace")


if PLAN.reads_rows():
    TRACED = ARMS if PLAN.config.depth.traced else []
    ask("measure_depth final_predictions", ARMS)
    ask("estimate_depth")
    ask("draw_depth", [{"lens": lens} for lens in PLAN.config.depth.lenses])
    ask("trace_prompts", TRACED)
    ask("draw_trace", [job for job in TRACED if job["arm"] not in UNEDITED])
