"""Read users' files and write decks, edit data, clusters and everything wrong with the files."""

from residue import stage
from residue.specs.data import DataSpec
from residue.world.own_decks import fault_table, own_clusters, own_deck, own_edit_data, unused
from residue.world.own_orders import own_orders
from residue.world.own_sets import read_sets

with stage.open() as job:
    spec = job.spec("data", DataSpec)
    items, faults = read_sets(spec, dict(zip(spec.files(), job.inputs("files"), strict=True)))
    edit_data = own_edit_data(items, spec)
    if spec.orders:
        files = dict(zip(spec.order_files(), job.inputs("orders"), strict=True))
        orders, found = own_orders(spec.orders, files)
        job.write_parquet("orders_deck", orders)
        faults += found
    job.write_parquet("countries", own_clusters(items))
    job.write_parquet("facts_deck", own_deck(items, spec))
    job.write_parquet("edit_data", edit_data)
    job.write_parquet("faults", fault_table(faults + unused(items, edit_data)))
