"""Train the language identifier on the fact table, and measure how often it errs."""

from residue import stage
from residue.measure.language_id.files import as_json
from residue.measure.language_id.trial import fit, trial
from residue.specs.measures import LanguageIdSpec
from residue.world.facts import read_facts

with stage.open() as job:
    facts = read_facts(job.input("facts"))
    spec = job.spec("language_id", LanguageIdSpec)
    job.write_json("model", as_json(fit(facts, facts.countries), spec))
    job.write_parquet("errors", trial(facts, spec))
