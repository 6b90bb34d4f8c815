"""Let attackers adapt to one arm, and write down everything that they try."""

from residue import stage
from residue.attackers.attempts import attempts
from residue.attackers.targets import targets
from residue.core.artifacts import read_parquet
from residue.edits.arms import open_arm
from residue.specs.adaptive import AdaptiveSpec
from residue.specs.records import RecordsSpec
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    with open_arm(job.input("arm"), device=job.device) as arm:
        made = attempts(
            arm,
            targets(world, read_parquet(job.input("deck"))),
            AdaptiveSpec(tuple(job.part("attackers"))).built(),
            RecordsSpec(max_new_tokens=job.part("max_new_tokens"), places=()),
            seed=job.seed("attack_orders", world.spec.seed),
        )
    job.write_parquet("attempts", made)
