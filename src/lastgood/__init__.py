"""lastgood: undo any release, recover from any disaster, prove it before you need it."""

__version__ = "0.1.0"
