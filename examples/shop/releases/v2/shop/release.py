"""The second release: an order may carry a note."""

from shop.behaviour import Behaviour


class Release(Behaviour):
    version = "v2"
