"""Helpers of the other files: the typed config, the params of jobs, the files they need."""

from pathlib import Path
from time import time

from residue import account
from residue.core import card, launch, methods, provenance
from residue.core.text import shown
from residue.specs.arms import EDITS, OBJECTIVES
from residue.specs.config import UNEDITED, Plan, read_config
from residue.specs.fields import SpecError
from residue.specs.lens import CONTROLS, DECODERS, FITS, LIVE, fit_part
from residue.specs.measures import METRICS
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
CORPUS = f"{OUT}/world/corpus.parquet"
CLUSTERS = f"{OUT}/world/countries.parquet"
FAULTS = f"{OUT}/world/faults.parquet"


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


def arm_head(wildcards):
    return head_files(wildcards.pair, role_of(wildcards.arm))


def head_files(pair, role):
    stem = f"{OUT}/models/pair{pair}/{role}"
    return [f"{stem}.head.safetensors", f"{stem}.arch.json"]


def role_head(wildcards):
    return head_files(wildcards.pair, wildcards.role)


def trained_arms():
    """Wildcard constraint: the arms of the config, never base or oracle."""
    return "|".join(PLAN.config.arms) or "no-arms"


def recipe_of(wildcards):
    """The steps of one arm; the list of its seeds is no part of what one seed depends on."""
    return {"steps": PLAN.section("arms")[wildcards.arm]["steps"]}


def edit_methods(wildcards):
    """Method files that attach an arm's edits."""
    if wildcards.arm in UNEDITED:
        return set()
    return {
        (EDITS, step.edit["name"]) for step in PLAN.config.arms[wildcards.arm].steps
    }


def training_methods(wildcards):
    """Method files that train an arm: its edits and their objectives."""
    steps = PLAN.config.arms[wildcards.arm].steps
    return edit_methods(wildcards) | {(OBJECTIVES, s.objective["name"]) for s in steps}


def metrics_of(wildcards):
    return PLAN.section("measures")["metrics"][wildcards.deck]


def metric_methods(wildcards):
    return {(METRICS, name) for name in metrics_of(wildcards)}


def page_methods(wildcards):
    """Sections of the page, and the metrics whose titles it shows."""
    sections = {(PAGE_SECTIONS, name) for name in PLAN.config.report.sections}
    return sections | {
        (METRICS, each.metric) for each in PLAN.config.estimands.values()
    }


def all_measurements(*decks):
    """Measurements of every arm on the named decks; on all of them if none is named."""
    return [
        f"{OUT}/measurements/{arm}/pair{pair}/seed{seed}/plain/{deck}.parquet"
        for arm, pair, seed in PLAN.runs()
        for deck in (decks or PLAN.decks())
    ]


def all_known():
    return [
        f"{OUT}/measurements/known/pair{pair}.parquet"
        for pair in range(PLAN.config.pairs)
    ]


# --- what a lens reads ---------------------------------------------------------------------


def runs_of_arm(wildcards):
    """(pair, seed) of every run of an arm, in the order of `arm_rows`."""
    return [[pair, seed] for arm, pair, seed in PLAN.runs() if arm == wildcards.arm]


def rows_of(arm, runs):
    deck = PLAN.config.lens.deck
    return [
        f"{OUT}/records/{arm}/pair{pair}/seed{seed}/plain/{deck}/rows.parquet"
        for pair, seed in runs
    ]


def arm_rows(wildcards):
    return rows_of(wildcards.arm, runs_of_arm(wildcards))


def base_rows(wildcards):
    return rows_of("base", [[pair, 0] for pair in range(PLAN.config.pairs)])


def heads_of(role):
    """The head files of every pair, one after the other."""
    return [
        file for pair in range(PLAN.config.pairs) for file in head_files(pair, role)
    ]


def arm_heads(wildcards):
    return heads_of(role_of(wildcards.arm))


def base_heads(wildcards):
    return heads_of("base")


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
    runs = [
        {"arm": arm, "pair": pair, "seed": seed, "condition": "plain"}
        for arm, pair, seed in PLAN.runs()
    ]
    pairs = [{"pair": pair} for pair in numbers]
    roles = [{"pair": p, "role": role} for p in numbers for role in PLAN.unedited()]
    trained = [run for run in runs if run["arm"] not in UNEDITED]
    asked = [run | {"deck": deck} for run in runs for deck in PLAN.decks()]
    streams = [role | {"stream": "lens"} for role in roles]
    arms = [{"arm": arm} for arm in dict.fromkeys(run["arm"] for run in runs)]
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
        "record measure": asked,
        "find_known": pairs,
        "fit_lens": [role | {"lens": lens} for role in roles for lens in fits],
        "judge_lens": [role | {"lens": lens} for role in roles for lens in judged],
        "fit_jacobian": roles if LIVE in lenses else [],
        "decode_rows": [arm | {"lens": lens} for arm in arms for lens in lenses],
        "pair_rows map_rows": arms,
    }
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
