"""What jobs of `rules/representation.smk` need: a judge's file, or the model that writes it."""


def judge_files():
    """The folder of the local model that judges rows, if the config names one."""
    folder = PLAN.config.representation.judge.model
    return (
        local_files(folder, *LOADED, key="representation.judge.model") if folder else []
    )


def judge_of_rows(wildcards):
    """What a judge said of the rows, whoever it is; none by default."""
    judge = PLAN.config.representation.judge
    if judge.model:
        return f"{OUT}/representation/pair{wildcards.pair}/judgements.jsonl"
    return judge.file or []
