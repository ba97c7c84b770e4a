"""The documents of the example: all nine are there, valid, and say what the shop is."""

from __future__ import annotations

import shutil
from pathlib import Path

from lastgood.adapters.examples import shop_folder
from lastgood.documents.kinds import FILES
from lastgood.wiring.documents import load_system


def test_the_shop_has_its_nine_documents(tmp_path: Path) -> None:
    documents = tmp_path / "lastgood"
    shutil.copytree(shop_folder() / "lastgood", documents, ignore=shutil.ignore_patterns(".state"))
    assert {file.name for file in documents.iterdir()} == set(FILES.values())
    system = load_system(documents)
    assert [store.name for store in system.stores] == ["orders", "uploads"]
    assert [invariant.name for invariant in system.consistency.invariants] == ["totals"]
    assert [procedure.name for procedure in system.procedures] == ["orders-lost", "prove"]
    assert {activity.name for activity in system.continuity.activities} == {"taking-orders"}


def test_each_document_of_the_shop_is_commented() -> None:
    """They are there to be read."""
    for name in FILES.values():
        assert (shop_folder() / "lastgood" / name).read_text().startswith("# ")
