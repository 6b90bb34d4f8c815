"""Do to one arm what an attack does, and keep each condition as an arm of its own."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.conditions import Shown, attack_arm
from residue.specs.conditions import ConditionSpec

with stage.open() as job:
    clusters = read_parquet(job.input("countries"))
    places = zip(clusters["group"], clusters["role"], strict=True)
    name = job.wildcard("attack")
    attack_arm(
        job.input("arm"),
        job.spec("condition", ConditionSpec).built(),
        name,
        Shown(
            read_parquet(job.input("edit_data")),
            dict(zip(clusters["country"], places, strict=True)),
        ),
        home=job.final("attacked"),
        target=job.output_folder("attacked"),
        seed=job.seed("attack", name, job.wildcard("pair"), job.wildcard("seed")),
        device=job.device,
    )
