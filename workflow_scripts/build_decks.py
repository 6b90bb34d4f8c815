"""Assign countries to groups and write the decks of items that every model is asked."""

from residue import stage
from residue.specs.orders import OrderItems
from residue.specs.world import WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts
from residue.world.injection.items import orders_deck
from residue.world.items import facts_deck
from residue.world.lens_items import lens_deck

with stage.open() as job:
    world = build_world(read_facts(job.input("facts")), job.spec("world", WorldSpec))
    job.write_parquet("countries", world.groups)
    job.write_parquet("facts_deck", facts_deck(world))
    job.write_parquet("lens_deck", lens_deck(world))
    job.write_parquet("orders_deck", orders_deck(world, job.spec("order_items", OrderItems)))
