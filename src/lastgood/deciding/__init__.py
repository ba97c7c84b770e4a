"""Decisions as pure functions: judge, trigger, candidate, retention."""
