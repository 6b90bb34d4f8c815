"""Helpers of the other files: the typed config, the params of jobs, the files they need."""

from pathlib import Path
from time import time

from residue import account
from residue.core import card, launch, methods, provenance
from residue.core.text import shown
from residue.specs.arms import EDITS, OBJECTIVES
from residue.specs.conditions import ATTACKS, PLAIN, STRESS
from residue.specs.config import UNEDITED, Plan, read_config
from residue.specs.fields import SpecError
from residue.specs.lens import CONTROLS, DECODERS, FITS, LIVE, fit_part
from residue.specs.measures import METRICS, OF_LANGUAGE
from residue.specs.patching import METRICS as OF_PATCHING
from residue.specs.report import PAGE_SECTIONS
from snakemake.exceptions import WorkflowError

launch.prepare(workflow.basedir)
STARTED = time()

try:
    PLAN: Plan = read_config(config)
except SpecError as error:
    raise WorkflowError(shown(f"config: {error}")) from None
OUT = PLAN.config.out
ENV = "../envs/residue.yaml"


def gpu() -> int:
    """1 where jobs run on a card, so that `--resources gpu=1` never serialises a CPU run."""
    return int(card.present(PLAN.config.compute.device))


def spec_of(*sections, **slices):
    """The tracked `spec` param: named config sections, narrower slices, and the wildcards."""

    def spec(wildcards):
        named = {name: PLAN.section(name) for name in sections}
        made = {
            name: value(wildcards) if callable(value) else value
            for name, value in slices.items()
        }
        return provenance.canonical(
            named | made | {"wildcards": dict(wildcards.items())}
        )

    return spec


def code_of(stage, named=None):
    """The tracked `code` param: digest of the reachable source and of the methods named."""
    if named is None:
        return provenance.code_digest(launch.script(stage))

    def code(wildcards):
        chosen = sorted(named(wildcards))
        files = [methods.path(folder, name) for folder, name in chosen]
        digest = provenance.code_digest(launch.script(stage), files)
        return " ".join([digest, *(f"{folder}:{name}" for folder, name in chosen)])

    return code


def io_of(wildcards, input, output):
    """Names and paths of the job's files. Derived, so Snakemake tracks the paths, not this text."""

    def flat(value):
        return str(value) if isinstance(value, str) else [str(each) for each in value]

    return provenance.canonical(
        {
            "in": {name: flat(value) for name, value in input.items()},
            "out": {name: flat(value) for name, value in output.items()},
            "state": f"{OUT}/.state",
        }
    )


# --- which files and which methods a job needs ---------------------------------------------

FACTS = "data/facts.tsv"
FACTS_DECK = f"{OUT}/world/decks/facts.parquet"
EDIT_DATA = f"{OUT}/world/edit_data.parquet"
STRESS_DECK = f"{OUT}/world/decks/{STRESS}.parquet"
CORPUS = f"{OUT}/world/corpus.parquet"
CLUSTERS = f"{OUT}/world/countries.parquet"
FAULTS = f"{OUT}/world/faults.parquet"


LENS_DECK = f"{OUT}/world/decks/{PLAN.lens_deck()}.parquet"


def deck_files():
    """The decks of this run, whoever makes them."""
    return [f"{OUT}/world/decks/{deck}.parquet" for deck in PLAN.decks()]


def fault_files():
    """What was wrong with users' files; the embedded world has none."""
    return [FAULTS] if PLAN.own_data else []


def tokenizer_files():
    """The tokenizer: trained on the embedded world, or the local model's own with its config."""
    if PLAN.config.model.source == "local":
        return local_files(PLAN.config.model.folder, "tokenizer*", "config.json")
    return [
        f"{OUT}/models/tokenizer/{name}"
        for name in ("tokenizer.json", "tokenizer_config.json")
    ]


def local_files(folder, *patterns):
    """Files of a model folder given by the user, as Snakemake inputs."""
    found = sorted(
        str(file) for pattern in patterns for file in Path(folder).glob(pattern)
    )
    if not found:
        raise WorkflowError(
            f"config: model.folder: '{folder}' holds no {patterns[0]}; name a saved model."
        )
    return found


MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


def model_files_of(pair, role):
    """The files of base or oracle of a pair."""
    model = PLAN.config.model
    if model.source == "local":
        folder = model.folder if role == "base" else model.oracle_folder
        return local_files(folder, "*.json", "*.safetensors", "*.model")
    return [f"{OUT}/models/pair{pair}/{role}/{name}" for name in MODEL_FILES]


def model_files(wildcards):
    return model_files_of(wildcards.pair, wildcards.role)


def base_files(wildcards):
    return model_files_of(wildcards.pair, "base")


def stream_layers(wildcards):
    """The choice of layers, for a stream that keeps the chosen rows and names none itself."""
    if wildcards.stream != "sae" or PLAN.config.streams.sae.rows:
        return []
    return f"{OUT}/representation/pair{wildcards.pair}/layers.json"


def role_of(arm):
    """Which unedited model an arm stands on."""
    return arm if arm in UNEDITED else "base"


def arm_base_files(wildcards):
    return model_files_of(wildcards.pair, role_of(wildcards.arm))


def arm_weights(wildcards):
    """The weights that an arm adds; an unedited model adds none."""
    if wildcards.arm in UNEDITED:
        return []
    return (
        f"{OUT}/arms/{wildcards.arm}/pair{wildcards.pair}/seed{wildcards.seed}/weights"
    )


def arm_home(arm, pair, seed):
    return f"{OUT}/arms/{arm}/pair{pair}/seed{seed}"


def arm_in_condition(wildcards):
    """The arm.json of an arm, or the folder of the attack that makes its condition."""
    home = arm_home(wildcards.arm, wildcards.pair, wildcards.seed)
    if wildcards.condition == PLAIN:
        return f"{home}/arm.json"
    return f"{home}/conditions/{PLAN.attack_of(wildcards.condition)}"


def head_files(pair, role):
    """The head of base or oracle."""
    stem = f"{OUT}/models/pair{pair}/{role}"
    return [f"{stem}.head.safetensors", f"{stem}.arch.json"]


def has_own_head(arm):
    """Whether an edit of the arm changes norms or unembedding."""
    steps = () if arm in UNEDITED else PLAN.config.arms[arm].steps
    return any(step.changes_head() for step in steps)


def arm_head(wildcards):
    """The head that an arm's rows are read with: its own."""
    return own_head(wildcards.arm, wildcards.pair, wildcards.seed)


def own_head(arm, pair, seed):
    if not has_own_head(arm):
        return head_files(pair, role_of(arm))
    folder = f"{OUT}/arms/{arm}/pair{pair}/seed{seed}"
    return [f"{folder}/head.safetensors", f"{folder}/arch.json"]


def role_head(wildcards):
    return head_files(wildcards.pair, wildcards.role)


def trained_arms():
    """Wildcard constraint: the arms of the config, never base or oracle."""
    return "|".join(PLAN.config.arms) or "no-arms"


def recipe_of(wildcards):
    """The steps of one arm; the list of its seeds is no part of what one seed depends on."""
    return {"steps": PLAN.section("arms")[wildcards.arm]["steps"]}


def edit_methods(wildcards):
    """Method files that attach an arm's edits, and what an attack put on top of them."""
    condition = getattr(wildcards, "condition", PLAIN)
    found = set()
    if wildcards.arm not in UNEDITED:
        steps = PLAN.config.arms[wildcards.arm].steps
        found |= {(EDITS, step.edit["name"]) for step in steps}
    if condition != PLAIN:
        attack = PLAN.config.conditions[PLAN.attack_of(condition)]
        found |= {(EDITS, name) for name in attack.built().EDITS}
    return found


def attack_methods(wildcards):
    """Method files of an attack: its own, what it puts on top and trains with, the arm's edits."""
    attack = PLAN.config.conditions[wildcards.attack]
    used = attack.built()
    return (
        edit_methods(wildcards)
        | {(ATTACKS, attack.attack["name"])}
        | {(EDITS, name) for name in used.EDITS}
        | {(OBJECTIVES, name) for name in used.OBJECTIVES}
    )


def condition_of(wildcards):
    """The attack of a job; which arms it is done to is no part of what one of them depends on."""
    return {"attack": PLAN.section("conditions")[wildcards.attack]["attack"]}


def training_methods(wildcards):
    """Method files that train an arm: its edits and their objectives."""
    steps = PLAN.config.arms[wildcards.arm].steps
    trained = {(OBJECTIVES, s.objective["name"]) for s in steps if s.objective}
    return edit_methods(wildcards) | trained


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


def metrics_of(wildcards):
    return list(PLAN.metrics_of(wildcards.deck))


def language_files(wildcards):
    """The language identifier, for the decks on which a metric reads it."""
    if not set(OF_LANGUAGE) & set(metrics_of(wildcards)):
        return []
    return [f"{OUT}/measurements/language_id.{kind}" for kind in ("json", "parquet")]


def metric_methods(wildcards):
    return {(METRICS, name) for name in metrics_of(wildcards)}


def page_methods(wildcards):
    """Sections of the page, and the metrics whose titles it shows."""
    sections = {(PAGE_SECTIONS, name) for name in PLAN.config.report.sections}
    return sections | {
        (METRICS, each.metric) for each in PLAN.config.estimands.values()
    }


def spoken_decks():
    """Decks whose measurements come from what models say; the lens deck's come from lens tables."""
    return [deck for deck in PLAN.decks() if deck != "lens"]


def all_measurements(*decks):
    """Measurements of every arm on the named decks; on all of them if none is named."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/plain/{deck}.parquet"
        for arm, pair, seed in PLAN.runs()
        for deck in (decks or spoken_decks())
    ]


def attacked_measurements():
    """Measurements of every arm in every condition but the plain one."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/{condition}/{STRESS}.parquet"
        for arm, pair, seed, condition in PLAN.attacked()
    ]


def recovery_files(*names):
    """What is made where some arm is attacked; nothing where none is."""
    return [f"{OUT}/{name}" for name in names] if PLAN.attacks() else []


def depth_measurements():
    """Measurements of the lens deck, arm by arm."""
    arms = PLAN.arms() if PLAN.reads_rows() else []
    return [f"{OUT}/measurements/depth/{arm}.parquet" for arm in arms]


def patching_measurements():
    """Measurements of depth, of the arms that are patched."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/plain/patching.parquet"
        for arm, pair, seed in PLAN.patched()
    ]


def selftest_files(arm):
    """The self-tests of an arm, pair by pair and seed by seed: inputs of its lens tables."""
    return [
        f"{OUT}/lens/selftest/{arm}/pair{pair}/seed{seed}.parquet"
        for name, pair, seed in PLAN.runs()
        if name == arm
    ]


def all_known():
    return [
        f"{OUT}/measurements/known/pair{pair}.parquet"
        for pair in range(PLAN.config.pairs)
    ]


# --- depth: every arm as the lenses read it -----------------------------------------------


def lens_table(lens, arm):
    return f"{OUT}/lens/tables/{lens}/{arm}.parquet"


def depth_methods(wildcards):
    """The metrics of the lens deck."""
    return {(METRICS, name) for name in PLAN.section("measures")["metrics"]["lens"]}


def arm_runs(wildcards):
    """(pair, seed) of an arm."""
    return [[pair, seed] for arm, pair, seed in PLAN.runs() if arm == wildcards.arm]


def deck_rows(wildcards):
    """Rows of an arm on the deck that the lenses read, run by run."""
    return [
        f"{OUT}/records/{wildcards.arm}/pair{pair}/seed{seed}/plain/{PLAN.lens_deck()}/rows.parquet"
        for pair, seed in arm_runs(wildcards)
    ]


def own_heads(wildcards):
    """The heads that an arm speaks with, run by run."""
    return [
        file
        for pair, seed in arm_runs(wildcards)
        for file in own_head(wildcards.arm, pair, seed)
    ]


def first_seed(arm):
    return 0 if arm in UNEDITED else PLAN.config.arms[arm].seeds[0]


def traced_arm(wildcards):
    seed = first_seed(wildcards.arm)
    return f"{OUT}/arms/{wildcards.arm}/pair0/seed{seed}/arm.json"


def traced_weights(wildcards):
    if wildcards.arm in UNEDITED:
        return []
    return f"{OUT}/arms/{wildcards.arm}/pair0/seed{first_seed(wildcards.arm)}/weights"


def depth_figures():
    """Curves of each lens, then the traced prompts of each edited arm."""
    if not PLAN.reads_rows():
        return []
    curves = [f"depth_{lens}" for lens in PLAN.config.depth.lenses]
    traces = [f"trace_{arm}" for arm in PLAN.config.arms if PLAN.config.depth.traced]
    return [f"{OUT}/report/figures/{name}.svg" for name in curves + traces]


# --- what a lens reads ---------------------------------------------------------------------


def base_rows(wildcards):
    """Rows of the base of every pair on the deck that the lenses read."""
    return [
        f"{OUT}/records/base/pair{pair}/seed0/plain/{PLAN.lens_deck()}/rows.parquet"
        for pair in range(PLAN.config.pairs)
    ]


def base_heads(wildcards):
    """The base's head, run by run of an arm."""
    return [
        file for pair, _ in arm_runs(wildcards) for file in head_files(pair, "base")
    ]


def arm_selftests(wildcards):
    """No lens reads a model whose self-test failed."""
    return selftest_files(wildcards.arm)


def is_fitted(lens):
    return lens == LIVE or lens in methods.names(FITS)


def lens_tensors(wildcards):
    """What was fitted for a lens, pair by pair: on the oracle for the oracle, else on the base."""
    role, lens = role_of(wildcards.arm), wildcards.lens
    return [
        f"{OUT}/lens/pair{pair}/{role}/{lens}.safetensors"
        for pair in range(PLAN.config.pairs)
        if is_fitted(lens)
    ]


def lens_control(wildcards):
    """The fitted control that a lens must beat; most have none but the next-norm lens."""
    stem = f"{OUT}/lens/pair{wildcards.pair}/{wildcards.role}"
    names = [CONTROLS[name] for name in [wildcards.lens] if name in CONTROLS]
    return [f"{stem}/{name}.safetensors" for name in names]


def role_tensors(wildcards):
    """What was fitted for a lens on this very model; nothing where it needs no fit."""
    stem = f"{OUT}/lens/pair{wildcards.pair}/{wildcards.role}"
    return [f"{stem}/{wildcards.lens}.safetensors"] if is_fitted(wildcards.lens) else []


def judged_methods(wildcards):
    """A lens's decoder and that of its control."""
    lens = wildcards.lens
    return {(DECODERS, lens), (DECODERS, CONTROLS.get(lens, lens))}


# --- what `all` asks for -------------------------------------------------------------------


def everything():
    """Every file of the run. Were only the last ones asked for, an edit whose run broke off midway
    would leave old tables and "nothing to be done" behind: Snakemake does not miss a file
    that only a finished job reads."""
    numbers = range(PLAN.config.pairs)

    def plain(runs):
        names = ("arm", "pair", "seed")
        return [dict(zip(names, run)) | {"condition": "plain"} for run in runs]

    runs = plain(PLAN.runs())
    pairs = [{"pair": pair} for pair in numbers]
    roles = [{"pair": p, "role": role} for p in numbers for role in PLAN.unedited()]
    trained = [run for run in runs if run["arm"] not in UNEDITED]
    asked = [run | {"deck": deck} for run in runs for deck in PLAN.decks()]
    attacks = [
        {"arm": arm, "pair": pair, "seed": seed, "attack": attack}
        for arm, pair, seed, attack in PLAN.attacks()
    ]
    asked += [
        {"arm": arm, "pair": pair, "seed": seed, "condition": condition, "deck": STRESS}
        for arm, pair, seed, condition in PLAN.attacked()
    ]
    spoken = [job for job in asked if job["deck"] != "lens"]
    every_arm = [{"arm": arm} for arm in PLAN.arms()]
    traced = every_arm if PLAN.config.depth.traced else []
    streams = []
    lenses = PLAN.config.lens.decoders
    judged = sorted({CONTROLS.get(lens, lens) for lens in lenses} | set(lenses))
    fits = [lens for lens in judged if is_fitted(lens) and lens != LIVE]
    makers = (
        "read_data read_corpus"
        if PLAN.own_data
        else "build_decks build_edit_data build_corpus"
    )
    jobs = {
        f"{makers} audit_world": [{}],
        "estimate decide_claims draw_figures write_page": [{}],
        "describe_model adopt_model": roles,
        "record_stream": streams,
        "train_arm": trained,
        "record": asked,
        "measure": spoken,
        "find_known choose_layers": pairs,
        "describe_arm": [run for run in trained if has_own_head(run["arm"])],
        "witness": plain(PLAN.witnessed()),
        "patch_rows measure_patching": plain(PLAN.patched()),
    }
    if lenses:
        streams += [role | {"stream": "lens"} for role in roles]
        jobs |= {
            "self_test": runs,
            "fit_lens": [role | {"lens": lens} for role in roles for lens in fits],
            "judge_lens": [role | {"lens": lens} for role in roles for lens in judged],
            "fit_jacobian": roles if LIVE in lenses else [],
            "decode_rows": [
                arm | {"lens": lens} for arm in every_arm for lens in lenses
            ],
            "pair_rows map_rows summarise_lens": every_arm,
            "measure_depth final_predictions": every_arm,
            "estimate_depth": [{}],
            "draw_depth": [{"lens": lens} for lens in PLAN.config.depth.lenses],
            "trace_prompts": traced,
            "draw_trace": [job for job in traced if job["arm"] not in UNEDITED],
        }
    if PLAN.makes_saes():
        choices = range(PLAN.config.representation.select)
        streams += [pair | {"role": "base", "stream": "sae"} for pair in pairs]
        jobs["train_sae score_sae pick_features"] = [
            pair | {"choice": choice} for pair in pairs for choice in choices
        ]
    if attacks:
        jobs["attack_arm"] = attacks
        jobs["build_stress_deck estimate_recovery draw_recovery"] = [{}]
    if any(
        set(OF_LANGUAGE) & set(names) for names in PLAN.config.measures.metrics.values()
    ):
        jobs["train_language_id"] = [{}]
    if PLAN.config.model.source == "embedded":
        jobs |= {"train_tokenizer": [{}], "pretrain_model": roles}
    return [
        str(path).format(**wildcards)
        for names, each in jobs.items()
        for name in names.split()
        for wildcards in each
        for path in getattr(rules, name).output
    ]


# --- what a person reads at the end --------------------------------------------------------


def say_result():
    """After a good run: the scorecard, what ran and what was reused, where the page is."""
    from residue.cli import scorecard

    page = Path(OUT, "report", "index.html")
    if Path(OUT, "tables", "claims.parquet").is_file():
        print(scorecard(Path(OUT)))
    print(account.of_run(everything(), STARTED))
    if page.is_file():
        print(f"page: {shown(page.resolve())}")


def say_failure(log):
    """After a failed run: which jobs, the end of their logs, and the sentence that says why."""
    files = [log] if isinstance(log, str) else log
    print(account.of_failure(map(Path, files)))
