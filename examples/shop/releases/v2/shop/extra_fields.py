"""What an order may say beyond item and quantity: text columns of the table `orders`."""

EXTRA_FIELDS: tuple[str, ...] = ("note",)
