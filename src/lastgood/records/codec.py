"""What records are written in: the vocabulary's canonical JSON (it stands in the domain, so that the layers
below this one write step results and ledger bodies in the same form)."""

from lastgood.domain.codec import Json, dumps, from_json, loads, to_json

__all__ = ["Json", "dumps", "from_json", "loads", "to_json"]
