"""What each arm says and holds for the items of a deck, in one model load."""


def arm_home(arm, pair, seed):
    return f"{OUT}/arms/{arm}/pair{pair}/seed{seed}"


def arm_in_condition(wildcards):
    """The arm.json of an arm, or the folder of the attack that makes its condition."""
    home = arm_home(wildcards.arm, wildcards.pair, wildcards.seed)
    if wildcards.condition == PLAIN:
        return f"{home}/arm.json"
    return f"{home}/conditions/{PLAN.attack_of(wildcards.condition)}"


RUN = "{arm}/pair{pair}/seed{seed}/{condition}/{deck}"


def models_that_speak():
    """Wildcard constraint: the arms that have a model to be asked."""
    return "|".join(PLAN.arms()) or "no-arms"


rule record:
    input:
        arm=arm_in_condition,
        weights=arm_weights,
        model=arm_base_files,
        deck=f"{OUT}/world/decks/{{deck}}.parquet",
    output:
        generations=f"{OUT}/records/{RUN}/generations.parquet",
        tokens=f"{OUT}/records/{RUN}/tokens.parquet",
        rows=f"{OUT}/records/{RUN}/rows.parquet",
    log:
        f"{OUT}/logs/record/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.log",
    benchmark:
        f"{OUT}/benchmarks/record/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.tsv"
    wildcard_constraints:
        arm=models_that_speak(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of("records"),
        code=code_of("record", named=edit_methods),
        io=io_of,
    shell:
        launch.command("record")


ASKED_OF_ARMS = [run | {"deck": deck} for run in RUNS for deck in PLAN.decks()] + [
    {"arm": arm, "pair": pair, "seed": seed, "condition": condition, "deck": STRESS}
    for arm, pair, seed, condition in PLAN.attacked()
]

ask("record", ASKED_OF_ARMS)
