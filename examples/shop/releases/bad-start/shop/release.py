"""Bad: it does not start, for it needs a module that nobody installed."""

import shop_loyalty_points
from shop.behaviour import Behaviour


class Release(Behaviour):
    version = "bad-start"
    points = shop_loyalty_points.Programme()
