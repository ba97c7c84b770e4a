"""Statistics of detection: pure functions, every formula with its source."""
