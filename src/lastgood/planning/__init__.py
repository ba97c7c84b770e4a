"""Plans: pure functions from the system and its history to steps. Nothing is done here."""
