"""The first release."""

from shop.behaviour import Behaviour


class Release(Behaviour):
    version = "v1"
