"""residue: edit a language model, then measure what is left."""

from snakemake.utils import min_version

min_version("9.22")


configfile: "config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"


wildcard_constraints:
    pair=r"\d+",
    seed=r"\d+",
    choice=r"\d+",
    role="base|oracle",
    arm=r"[a-z][a-z0-9_]*",
    condition=r"[a-z][a-z0-9_]*",
    attack=r"[a-z][a-z0-9_]*",
    deck=r"[a-z][a-z0-9_]*",
    stream="lens|sae",


if PLAN.own_data:

    include: "rules/data.smk"

elif PLAN.alone:

    include: "rules/asked.smk"

else:

    include: "rules/world.smk"


include: "rules/audit.smk"
include: "rules/models.smk"
include: "rules/edits.smk"
include: "rules/memory.smk"
include: "rules/records.smk"
include: "rules/gradients.smk"
include: "rules/outputs.smk"
include: "rules/representation.smk"
include: "rules/streams.smk"
include: "rules/selftest.smk"
include: "rules/patching.smk"
include: "rules/sae.smk"
include: "rules/lens.smk"
include: "rules/lens_summaries.smk"
include: "rules/measures.smk"
include: "rules/tests.smk"
include: "rules/conditions.smk"
include: "rules/depth.smk"
include: "rules/meta.smk"
include: "rules/injection.smk"
include: "rules/succession.smk"
include: "rules/attackers.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        everything(),


onstart:
    # Snakemake 9.27 sets a timer at every look for jobs to start, and each timer brings another look:
    # after n jobs it looks n times a second. Nothing here needs a limit of jobs per second.
    workflow.scheduler.job_rate_limiter = None


onsuccess:
    say_result()


onerror:
    say_failure(log)
