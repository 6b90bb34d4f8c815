"""Take over a model or an adapter that others made as an arm of one step."""

from residue import stage
from residue.edits.given import take_over

with stage.open() as job:
    arm = take_over(
        job.inputs("model")[0].parent,
        job.part("kind"),
        job.inputs("given")[0].parent,
        arm=job.wildcard("arm"),
        pair=int(job.wildcard("pair")),
        seed=int(job.wildcard("seed")),
        home=job.final("arm").parent,
        weights=job.output_folder("weights"),
    )
    job.write_json("arm", arm)
