"""Record how hard each answer of a deck pulls on the weights of one arm."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.arms import arm_file_of, open_arm
from residue.edits.weights import own_weights
from residue.records.gradients import gradient_norms

with stage.open() as job:
    items = read_parquet(job.input("deck"))
    file = arm_file_of(job.input("arm"), job.wildcard("condition"))
    with open_arm(file, device=job.device) as arm:
        items = items.assign(prompt=[arm.prompt(text) for text in items["prompt"]])
        weights = [
            module._parameters[leaf] for ((module, leaf), *_) in own_weights(arm.model).values()
        ]
        table = gradient_norms(
            arm.model, arm.tokenizer, items, weights, prefill=arm.arm.get("prefill", 0)
        )
    job.write_parquet("gradients", table)
