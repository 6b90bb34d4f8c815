"""What jobs of `rules/edits.smk` need: files, methods, slices."""


def edited_arms(*trained):
    """Wildcard constraint: the arms of the config, never base or oracle; of those that are trained
    here (True) or made by others (False), or of all."""
    chosen = trained or (True, False)
    found = [name for name, arm in PLAN.edited().items() if arm.trained in chosen]
    return "|".join(found) or "no-arms"


def recipe_of(wildcards):
    """The steps of one arm; the list of its seeds is no part of what one seed depends on."""
    return {"steps": PLAN.section("arms")[wildcards.arm]["steps"]}


def arm_edit_data(wildcards):
    """What the arm is shown of facts: in every language where it forgets in one nobody asked in."""
    return EDIT_DATA_EVERYWHERE if wildcards.arm in PLAN.everywhere() else EDIT_DATA


def arm_before(wildcards):
    """The arm on whose steps an arm stands, and its weights."""
    arm = PLAN.before(wildcards.arm, int(wildcards.seed))
    if arm is None:
        return []
    home = f"{OUT}/arms/{arm[0]}/pair{wildcards.pair}/seed{arm[1]}"
    return [f"{home}/arm.json", f"{home}/weights"]


def files_of_others(wildcards):
    """The files of a model or adapter that others made."""
    arm = PLAN.config.arms[wildcards.arm]
    folder = arm.folder(int(wildcards.seed))
    patterns = ("*.json", "*.safetensors", "*.model")
    found = sorted(
        str(file) for pattern in patterns for file in Path(folder).glob(pattern)
    )
    kind, named = (
        ("adapter", "adapter_config.json") if arm.adapter else ("model", "config.json")
    )
    weights = [file for file in found if file.endswith(".safetensors")]
    if f"{Path(folder, named)}" not in found or not weights:
        raise WorkflowError(
            f"config: arms.{wildcards.arm}.{kind}: '{folder}' holds no {named} with safetensors "
            "beside it; name the folder, and save pickled weights (.bin) as safetensors first."
        )
    return found


def training_methods(wildcards):
    """Method files that train an arm: its edits and their objectives."""
    steps = PLAN.config.arms[wildcards.arm].steps
    trained = {(OBJECTIVES, s.objective["name"]) for s in steps if s.objective}
    taught = {(EDITS, name) for s in steps for name in s.edits()}
    return edit_methods(wildcards) | trained | taught


def arm_needs(wildcards):
    """What the edits of an arm read beside model and edit data: layers, sae, features."""
    steps = PLAN.config.arms[wildcards.arm].steps
    return frozenset().union(*(step.needs() for step in steps))


def arm_layers(wildcards):
    """The chosen rows, for edits that name no row of their own."""
    needed = arm_needs(wildcards)
    return f"{OUT}/representation/pair{wildcards.pair}/layers.json" if needed else []


def arm_saes(wildcards):
    """The SAE of each chosen row, and its features for edits that pick some of them."""
    needed = arm_needs(wildcards) & {"sae", "features"}
    names = ["cfg.json", "sae_weights.safetensors"] if needed else []
    names += ["features.parquet"] if "features" in needed else []
    choices = PLAN.config.representation.select if needed else 0
    return [
        f"{OUT}/sae/pair{wildcards.pair}/choice{choice}/{name}"
        for choice in range(choices)
        for name in names
    ]


def arm_defence(wildcards):
    """Twins and items to keep, for arms with a step that is made from them."""
    steps = PLAN.config.arms[wildcards.arm].steps
    return DEFENCE_FILE if any(step.is_defence() for step in steps) else []


def arm_lens(wildcards):
    """What the base's lens was fitted to, for arms with an objective that reads rows through it."""
    steps = PLAN.config.arms[wildcards.arm].steps
    lenses = sorted({step.lens() for step in steps} - {""})
    pair = getattr(wildcards, "pair", 0)
    return [f"{OUT}/lens/pair{pair}/base/{lens}.safetensors" for lens in lenses]
