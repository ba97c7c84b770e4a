"""The shop front: one page, without anything fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from string import Template

from shop.catalogue import PRICES

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The corner shop</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
  header { display: flex; justify-content: space-between; align-items: baseline }
  .release { background: #0b6e4f; color: #fff; border-radius: 1rem; padding: .1rem .8rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .4rem 0; border-bottom: 1px solid #8886 }
  .number { text-align: right }
  button { font: inherit; padding: .2rem .9rem; cursor: pointer }
</style>
<header><h1>The corner shop</h1><span class="release">release $version</span></header>
<table>
<caption hidden>What we sell</caption>
$products
</table>
<h2>Last orders</h2>
<table>
<tr><th scope="col">Order</th><th scope="col">Item</th><th scope="col" class="number">Total</th></tr>
$orders
</table>
<script>
  for (const button of document.querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      const order = JSON.stringify({item: button.value, quantity: 1});
      const answer = await fetch("orders", {method: "POST", body: order});
      if (answer.ok) location.reload(); else alert((await answer.json()).error);
    });
  }
</script>
</html>
""")


def shop_front(version: str, orders: Iterable[Mapping[str, object]]) -> str:
    return _PAGE.substitute(
        version=escape(version),
        products="\n".join(
            f'<tr><th scope="row">{escape(item)}</th><td class="number">{_money(price)}</td>'
            f'<td class="number"><button value="{escape(item)}">Order one {escape(item)}</button></td></tr>'
            for item, price in PRICES.items()
        ),
        orders="\n".join(
            f"<tr><td>{order['id']}</td><td>{order['quantity']} {escape(str(order['item']))}</td>"
            f'<td class="number">{_money(order["total"])}</td></tr>'
            for order in orders
        ),
    )


def _money(cents: object) -> str:
    return f"{int(str(cents)) / 100:.2f} €"
