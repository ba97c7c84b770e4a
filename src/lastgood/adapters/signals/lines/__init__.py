"""Signals `log` and `journal`: lines, which of them are errors, and which errors are new."""

from lastgood.adapters.signals.lines.journal import journal_source
from lastgood.adapters.signals.lines.log import log_source

__all__ = ["journal_source", "log_source"]
