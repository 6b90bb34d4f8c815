"""What every row says: lenses fitted on base and oracle, and read out of every arm."""


include: "needs/lens.smk"


rule fit_lens:
    """On the stream of the model that the lens will read."""
    input:
        stream=f"{OUT}/streams/pair{{pair}}/{{role}}/lens.parquet",
        head=role_head,
    output:
        tensors=f"{LENS}/{{lens}}.safetensors",
    log:
        f"{OUT}/logs/fit_lens/pair{{pair}}-{{role}}-{{lens}}.log",
    benchmark:
        f"{OUT}/benchmarks/fit_lens/pair{{pair}}-{{role}}-{{lens}}.tsv"
    wildcard_constraints:
        lens=rf"(?!{LIVE}\.)[a-z][a-z0-9_]*",
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            fit=lambda wildcards: fit_part(PLAN.section("lens"), wildcards.lens)
        ),
        code=code_of("fit_lens", named=lambda wildcards: {(FITS, wildcards.lens)}),
        io=io_of,
    shell:
        launch.command("fit_lens")


rule fit_jacobian:
    """The one lens that needs gradients of the live model."""
    input:
        corpus=CORPUS,
        model=model_files,
    output:
        tensors=f"{LENS}/{LIVE}.safetensors",
    log:
        f"{OUT}/logs/fit_jacobian/pair{{pair}}-{{role}}.log",
    benchmark:
        f"{OUT}/benchmarks/fit_jacobian/pair{{pair}}-{{role}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(fit=fit_part(PLAN.section("lens"), LIVE), load=PLAN.load()),
        code=code_of("fit_jacobian"),
        io=io_of,
    shell:
        launch.command("fit_jacobian")


rule judge_lens:
    """Also lenses that fit nothing; a report apart, so that its level fits nothing anew."""
    input:
        stream=f"{OUT}/streams/pair{{pair}}/{{role}}/lens.parquet",
        corpus=CORPUS,
        head=role_head,
        tensors=role_tensors,
        control=lens_control,
    output:
        report=f"{LENS}/{{lens}}.report.parquet",
    log:
        f"{OUT}/logs/judge_lens/pair{{pair}}-{{role}}-{{lens}}.log",
    benchmark:
        f"{OUT}/benchmarks/judge_lens/pair{{pair}}-{{role}}-{{lens}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(level=PLAN.config.statistics.level),
        code=code_of("judge_lens", named=judged_methods),
        io=io_of,
    shell:
        launch.command("judge_lens")


rule decode_rows:
    """One table per lens and arm: what is fitted on the base reads every arm on it, unchanged."""
    input:
        rows=deck_rows,
        heads=own_heads,
        selftests=arm_selftests,
        tensors=lens_tensors,
        deck=LENS_DECK,
        tokenizer=tokenizer_files(),
    output:
        table=f"{OUT}/lens/tables/{{lens}}/{{arm}}.parquet",
    log:
        f"{OUT}/logs/decode_rows/{{lens}}-{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/decode_rows/{{lens}}-{{arm}}.tsv"
    wildcard_constraints:
        lens="(?!pairs/)[a-z][a-z0-9_]*",
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(top_k=PLAN.config.lens.top_k, runs=arm_runs),
        code=code_of(
            "decode_rows", named=lambda wildcards: {(DECODERS, wildcards.lens)}
        ),
        io=io_of,
    shell:
        launch.command("decode_rows")


rule pair_rows:
    """The norm lens against the raw lens: what of a reading is the norm's."""
    input:
        rows=deck_rows,
        heads=own_heads,
        selftests=arm_selftests,
        deck=LENS_DECK,
        tokenizer=tokenizer_files(),
    output:
        table=f"{OUT}/lens/tables/pairs/{{arm}}.parquet",
    log:
        f"{OUT}/logs/pair_rows/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/pair_rows/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(runs=arm_runs),
        code=code_of("pair_rows"),
        io=io_of,
    shell:
        launch.command("pair_rows")


rule map_rows:
    """Moved, not gone: an arm's rows mapped to the base's last one."""
    input:
        rows=deck_rows,
        heads=base_heads,
        selftests=arm_selftests,
        base_rows=base_rows,
        deck=LENS_DECK,
        tokenizer=tokenizer_files(),
    output:
        table=f"{OUT}/lens/ridge/{{arm}}.parquet",
    log:
        f"{OUT}/logs/map_rows/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/map_rows/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(ridge=PLAN.section("lens")["ridge"], runs=arm_runs),
        code=code_of("map_rows"),
        io=io_of,
    shell:
        launch.command("map_rows")


if PLAN.reads_rows():
    LENSES = PLAN.config.lens.decoders
    JUDGED = sorted({CONTROLS.get(lens, lens) for lens in LENSES} | set(LENSES))
    FITTED = [lens for lens in JUDGED if is_fitted(lens) and lens != LIVE]
    ask("fit_lens", [role | {"lens": lens} for role in ROLES for lens in FITTED])
    ask("judge_lens", [role | {"lens": lens} for role in ROLES for lens in JUDGED])
    ask("fit_jacobian", ROLES if LIVE in LENSES else [])
    ask("decode_rows", [arm | {"lens": lens} for arm in ARMS for lens in LENSES])
    ask("pair_rows map_rows", ARMS)
