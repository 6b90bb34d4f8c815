"""Make a deck of what models were asked from their files of outputs, with what is wrong there."""

from residue import stage
from residue.records.outputs.deck import asked_deck
from residue.records.outputs.reading import read_outputs
from residue.specs.fields import load
from residue.specs.outputs import Outputs
from residue.world.own_decks import fault_table

with stage.open() as job:
    sources = [load(Outputs, each, "records") for each in job.part("sources")]
    found, faults = read_outputs(zip(sources, job.inputs("files"), strict=True))
    deck, clusters = asked_deck(found)
    job.write_parquet("facts_deck", deck)
    job.write_parquet("countries", clusters)
    job.write_parquet("faults", fault_table(faults))
