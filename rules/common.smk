"""Helpers of the other files: the typed config, the params of jobs, the files they need."""

from pathlib import Path
from time import time

from residue import account
from residue.core import card, launch, methods, provenance
from residue.core.text import shown
from residue.specs.adaptive import ATTACKERS
from residue.specs.arms import EDITS, OBJECTIVES
from residue.specs.conditions import ATTACKS, PLAIN, STRESS
from residue.specs.config import UNEDITED
from residue.specs.plan import Plan, read_config
from residue.specs import fields
from residue.specs.fields import SpecError
from residue.specs.lens import CONTROLS, DECODERS, FITS, LIVE, fit_part
from residue.specs.measures import METRICS, OF_GRADIENTS, OF_LANGUAGE
from residue.specs.patching import METRICS as OF_PATCHING
from residue.specs.report import PAGE_SECTIONS
from residue.specs.tests import METRICS as OF_TESTS
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

launch.prepare(workflow.basedir)
STARTED = time()

try:
    PLAN: Plan = read_config(config)
except SpecError as error:
    raise WorkflowError(shown(f"config: {error}")) from None
for note in PLAN.notes:
    logger.warning(shown(note))
OUT = PLAN.config.out
if PLAN.config.model.offline:
    launch.go_offline()
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

REAL_FACTS = "data/facts.tsv"
FACTS = f"{OUT}/world/facts.tsv" if PLAN.invents else REAL_FACTS
FACTS_DECK = f"{OUT}/world/decks/facts.parquet"
EDIT_DATA = f"{OUT}/world/edit_data.parquet"
EDIT_DATA_EVERYWHERE = f"{OUT}/world/edit_data_everywhere.parquet"
SHOWN = EDIT_DATA_EVERYWHERE if PLAN.everywhere() else EDIT_DATA
"""All that any arm of the run is shown of facts."""
DEFENCE_FILE = f"{OUT}/world/defence_data.parquet"
CORPUS = f"{OUT}/world/corpus.parquet"
CLUSTERS = f"{OUT}/world/countries.parquet"
FAULTS = f"{OUT}/world/faults.parquet"


LENS_DECK = f"{OUT}/world/decks/{PLAN.lens_deck()}.parquet"


def deck_files():
    """The decks of this run, whoever makes them."""
    return [f"{OUT}/world/decks/{deck}.parquet" for deck in PLAN.decks()]


def fault_files():
    """What was wrong with users' files; the embedded world has none."""
    return [FAULTS] if PLAN.own_data or PLAN.alone else []


def tokenizer_files():
    """The tokenizer: trained on the embedded world, or the given model's own with its config."""
    if PLAN.config.model.source == "local":
        return local_files(PLAN.config.model.folder, "tokenizer*", "config.json")
    if PLAN.config.model.source == "hub":
        return [file for file in GIVEN_FILES if not file.endswith(".safetensors")]
    return [
        f"{OUT}/models/tokenizer/{name}"
        for name in ("tokenizer.json", "tokenizer_config.json")
    ]


def local_files(folder, *patterns, key="model.folder"):
    """Files of a model folder given by the user under a config key, as Snakemake inputs."""
    found = sorted(
        str(file) for pattern in patterns for file in Path(folder).glob(pattern)
    )
    if not found:
        raise WorkflowError(
            f"config: {key}: '{folder}' holds no {patterns[0]}; name a saved model."
        )
    return found


LOADED = ("*.json", "*.safetensors", "*.model")
MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


GIVEN_FILES = [f"{OUT}/models/given/{name}" for name in MODEL_FILES]


def base_folder_files():
    """The files of the model that the user names."""
    if PLAN.config.model.source == "hub":
        return GIVEN_FILES
    return local_files(PLAN.config.model.folder, *LOADED)


def model_files_of(pair, role):
    """The files of base or oracle of a pair."""
    model = PLAN.config.model
    if model.given and not PLAN.config.implant.teach:
        if role == "base":
            return base_folder_files()
        return local_files(model.oracle_folder, *LOADED)
    return [f"{OUT}/models/pair{pair}/{role}/{name}" for name in MODEL_FILES]


def model_files(wildcards):
    return model_files_of(wildcards.pair, wildcards.role)


def base_files(wildcards):
    return model_files_of(wildcards.pair, "base")


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


def head_files(pair, role):
    """The head of base or oracle."""
    stem = f"{OUT}/models/pair{pair}/{role}"
    return [f"{stem}.head.safetensors", f"{stem}.arch.json"]


def has_own_head(arm):
    """Whether an edit of the arm changes norms or unembedding."""
    return any(step.changes_head() for step in PLAN.steps_of(arm))


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


def edit_methods(wildcards):
    """Method files that attach an arm's edits, and what an attack put on top of them."""
    condition = getattr(wildcards, "condition", PLAIN)
    found = {(EDITS, step.edit["name"]) for step in PLAN.steps_of(wildcards.arm)}
    if condition != PLAIN:
        attack = PLAN.config.conditions[PLAN.attack_of(condition)]
        found |= {(EDITS, name) for name in attack.built().EDITS}
    return found


# --- what `all` asks for -------------------------------------------------------------------

ASKED: list[tuple[str, list[dict]]] = []


def ask(names, jobs=({},)):
    """Of the named rules, the jobs of this run, by their wildcards; each file says it at its end."""
    ASKED.append((names, list(jobs)))


def everything():
    """Every file of the run. Were only the last ones asked for, an edit whose run broke off midway
    would leave old tables and "nothing to be done" behind: Snakemake does not miss a file
    that only a finished job reads."""
    return [
        str(path).format(**wildcards)
        for names, jobs in ASKED
        for name in names.split()
        for wildcards in jobs
        for path in getattr(rules, name).output
    ]


def plain_jobs(runs):
    """Wildcards of runs that nothing is done to."""
    names = ("arm", "pair", "seed")
    return [dict(zip(names, run)) | {"condition": PLAIN} for run in runs]


RUNS = plain_jobs(PLAN.modelled())
READ = [
    run for run in plain_jobs(PLAN.runs()) if PLAN.outputs(run["arm"])
]  # known by files of outputs alone
EDITED = [run for run in RUNS if run["arm"] not in UNEDITED]
PAIRS = [{"pair": pair} for pair in range(PLAN.config.pairs)]
ROLES = [
    pair | {"role": role}
    for pair in PAIRS
    for role in ([] if PLAN.alone else PLAN.unedited())
]
ARMS = [{"arm": arm} for arm in PLAN.arms()]


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
