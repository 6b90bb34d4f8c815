"""Models that are known by files of what they said."""


def outputs_of(wildcards):
    """What the config says of the files of one arm."""
    return [fields.plain(each) for each in PLAN.outputs(wildcards.arm)]


def output_files(wildcards):
    seed = int(wildcards.seed)
    return [each.path(seed) for each in PLAN.outputs(wildcards.arm)]


def models_unseen():
    """Wildcard constraint: the arms that are known by their outputs alone."""
    return "|".join({run["arm"]: "" for run in READ}) or "no-arms"


rule read_records:
    """What `record` writes of what a model says, from files."""
    input:
        files=output_files,
        deck=FACTS_DECK,
    output:
        generations=f"{OUT}/records/{{arm}}/pair{{pair}}/seed{{seed}}/plain/facts/generations.parquet",
        values=f"{OUT}/records/{{arm}}/pair{{pair}}/seed{{seed}}/plain/facts/values.parquet",
    log:
        f"{OUT}/logs/read_records/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/read_records/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=models_unseen(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(sources=outputs_of),
        code=code_of("read_records"),
        io=io_of,
    shell:
        launch.command("read_records")


ask("read_records", READ)
