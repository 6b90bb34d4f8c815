"""What jobs of `rules/data.smk` need: files, methods, slices."""


def orders_of_users():
    """The deck of orders, where files of them are named."""
    named = bool(PLAN.config.data.orders)
    return {"orders_deck": f"{OUT}/world/decks/orders.parquet"} if named else {}
