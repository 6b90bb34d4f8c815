"""Sparse autoencoders on the base's chosen rows, their scores and their features."""

SAE = f"{OUT}/sae/pair{{pair}}/choice{{choice}}"
SAE_STREAM = f"{OUT}/streams/pair{{pair}}/base/sae.parquet"


rule train_sae:
    """Always on the CPU: its products are sparse, and bytes would depend on a card."""
    input:
        stream=SAE_STREAM,
        layers=rules.choose_layers.output.layers,
        model=base_files,
    output:
        config=f"{SAE}/cfg.json",
        weights=f"{SAE}/sae_weights.safetensors",
        beside=directory(f"{SAE}/beside"),
        history=f"{SAE}/history.parquet",
    log:
        f"{OUT}/logs/train_sae/pair{{pair}}-choice{{choice}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_sae/pair{{pair}}-choice{{choice}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(sae=PLAN.sae_part("training"), load=PLAN.load()),
        code=code_of("train_sae"),
        io=io_of,
    shell:
        launch.command("train_sae")


rule score_sae:
    input:
        stream=SAE_STREAM,
        config=rules.train_sae.output.config,
        weights=rules.train_sae.output.weights,
        beside=rules.train_sae.output.beside,
        model=base_files,
    output:
        scores=f"{SAE}/scores.parquet",
    log:
        f"{OUT}/logs/score_sae/pair{{pair}}-choice{{choice}}.log",
    benchmark:
        f"{OUT}/benchmarks/score_sae/pair{{pair}}-choice{{choice}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(sae=PLAN.sae_part(), load=PLAN.load()),
        code=code_of("score_sae"),
        io=io_of,
    shell:
        launch.command("score_sae")


rule pick_features:
    """Which latents stand for what is to be forgotten; one picker needs the live base."""
    input:
        stream=SAE_STREAM,
        corpus=CORPUS,
        config=rules.train_sae.output.config,
        weights=rules.train_sae.output.weights,
        beside=rules.train_sae.output.beside,
        model=base_files,
    output:
        features=f"{SAE}/features.parquet",
    log:
        f"{OUT}/logs/pick_features/pair{{pair}}-choice{{choice}}.log",
    benchmark:
        f"{OUT}/benchmarks/pick_features/pair{{pair}}-choice{{choice}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(sae=PLAN.sae_part("features"), load=PLAN.load()),
        code=code_of("pick_features"),
        io=io_of,
    shell:
        launch.command("pick_features")


if PLAN.makes_saes():
    CHOICES = range(PLAN.config.representation.select)
    ask(
        "train_sae score_sae pick_features",
        [pair | {"choice": choice} for pair in PAIRS for choice in CHOICES],
    )
