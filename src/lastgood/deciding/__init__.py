"""Decisions as pure functions: judge (signals to verdict), trigger (verdict to action), candidate, retention."""
