"""The base and its oracle: pretrained on the embedded world, given, or given and then taught."""


rule pretrain_model:
    """Always on the CPU: at this size a card is slower, and bytes would depend on it."""
    input:
        facts=FACTS,
        tokenizer=tokenizer_files(),
    output:
        config=f"{OUT}/models/pair{{pair}}/{{role}}/config.json",
        weights=f"{OUT}/models/pair{{pair}}/{{role}}/model.safetensors",
        tokenizer=f"{OUT}/models/pair{{pair}}/{{role}}/tokenizer.json",
        tokenizer_config=f"{OUT}/models/pair{{pair}}/{{role}}/tokenizer_config.json",
        history=f"{OUT}/models/pair{{pair}}/{{role}}/history.parquet",
    log:
        f"{OUT}/logs/pretrain_model/pair{{pair}}-{{role}}.log",
    benchmark:
        f"{OUT}/benchmarks/pretrain_model/pair{{pair}}-{{role}}.tsv"
    priority: 5
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("pretrain", world=PLAN.text_world()),
        code=code_of("pretrain_model"),
        io=io_of,
    shell:
        launch.command("pretrain_model")


rule fetch_model:
    """A model from the hub, at the commit that the lock file beside it keeps."""
    output:
        config=GIVEN_FILES[0],
        weights=GIVEN_FILES[1],
        tokenizer=GIVEN_FILES[2],
        tokenizer_config=GIVEN_FILES[3],
        origin=f"{OUT}/models/given/origin.json",
    log:
        f"{OUT}/logs/fetch_model.log",
    benchmark:
        f"{OUT}/benchmarks/fetch_model.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            model={name: PLAN.section("model")[name] for name in ("id", "revision")}
        ),
        code=code_of("fetch_model"),
        io=io_of,
    shell:
        launch.command("fetch_model")


rule implant_model:
    """A given model taught the world's countries; its oracle without those to be forgotten."""
    input:
        facts=FACTS,
        model=base_folder_files() if PLAN.config.implant.teach else [],
    output:
        config=f"{OUT}/models/pair{{pair}}/{{role}}/config.json",
        weights=f"{OUT}/models/pair{{pair}}/{{role}}/model.safetensors",
        tokenizer=f"{OUT}/models/pair{{pair}}/{{role}}/tokenizer.json",
        tokenizer_config=f"{OUT}/models/pair{{pair}}/{{role}}/tokenizer_config.json",
        history=f"{OUT}/models/pair{{pair}}/{{role}}/history.parquet",
    log:
        f"{OUT}/logs/implant_model/pair{{pair}}-{{role}}.log",
    benchmark:
        f"{OUT}/benchmarks/implant_model/pair{{pair}}-{{role}}.tsv"
    priority: 5
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of("implant", world=PLAN.text_world(), load=PLAN.load()),
        code=code_of(
            "implant_model",
            named=lambda _: {(EDITS, "lora"), (OBJECTIVES, "likelihood")},
        ),
        io=io_of,
    shell:
        launch.command("implant_model")


rule describe_model:
    """The head and the addresses, so that metrics and lenses need no model library."""
    input:
        model=model_files,
    output:
        head=f"{OUT}/models/pair{{pair}}/{{role}}.head.safetensors",
        arch=f"{OUT}/models/pair{{pair}}/{{role}}.arch.json",
    log:
        f"{OUT}/logs/describe_model/pair{{pair}}-{{role}}.log",
    benchmark:
        f"{OUT}/benchmarks/describe_model/pair{{pair}}-{{role}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(load=PLAN.load()),
        code=code_of("describe_model"),
        io=io_of,
    shell:
        launch.command("describe_model")


rule adopt_model:
    """An unedited model as an arm of no steps."""
    input:
        model=model_files,
    output:
        arm=f"{OUT}/arms/{{role}}/pair{{pair}}/seed0/arm.json",
    log:
        f"{OUT}/logs/adopt_model/pair{{pair}}-{{role}}.log",
    benchmark:
        f"{OUT}/benchmarks/adopt_model/pair{{pair}}-{{role}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(load=PLAN.load()),
        code=code_of("adopt_model"),
        io=io_of,
    shell:
        launch.command("adopt_model")


ask("describe_model adopt_model", ROLES)
if not PLAN.config.model.given:

    ruleorder: pretrain_model > implant_model

    ask("pretrain_model", ROLES)

elif PLAN.config.implant.teach:

    ruleorder: implant_model > pretrain_model

    ask("implant_model", ROLES)


if PLAN.config.model.source == "hub":
    ask("fetch_model")
