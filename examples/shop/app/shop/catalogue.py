"""What the shop sells, with prices in cents."""

PRICES = {"tea": 450, "coffee": 790, "cake": 320, "mug": 1250}
