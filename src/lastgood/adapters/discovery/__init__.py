"""Looks at a folder and its machine for `init`; changes nothing, starts nothing."""

from lastgood.adapters.discovery.project import discover

__all__ = ["discover"]
