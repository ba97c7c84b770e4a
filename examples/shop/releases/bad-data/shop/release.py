"""Bad, and it looks well: a tenth off, meant for large orders, is taken off every order's total."""

from shop.behaviour import Behaviour


class Release(Behaviour):
    version = "bad-data"

    def total(self, quantity: int, price: int) -> int:
        return quantity * price * 9 // 10
