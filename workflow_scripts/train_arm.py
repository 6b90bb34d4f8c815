"""Train one arm's edit steps on its base and write the weights, the history and arm.json."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.fitting import read_layers
from residue.edits.recipes import train_arm
from residue.specs.arms import ArmSpec
from residue.specs.model import LoadSpec

with stage.open() as job:
    arm, history = train_arm(
        job.inputs("model")[0].parent,
        job.spec("arm", ArmSpec),
        read_parquet(job.input("edit_data")),
        read_parquet(job.input("defence")) if job.inputs("defence") else None,
        arm=job.wildcard("arm"),
        pair=int(job.wildcard("pair")),
        seed=int(job.wildcard("seed")),
        home=job.final("arm").parent,
        weights=job.output_folder("weights"),
        state_dir=job.state_dir,
        layers=read_layers(job.input("layers")) if job.inputs("layers") else (),
        saes=list(dict.fromkeys(file.parent for file in job.inputs("saes"))),
        lens=job.inputs("lens")[0] if job.inputs("lens") else None,
        device=job.device,
        after=job.inputs("after")[0] if job.inputs("after") else None,
        load=job.spec("load", LoadSpec),
    )
    job.write_json("arm", arm)
    job.write_parquet("history", history)
