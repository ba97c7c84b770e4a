"""The story of a bad release and of a lost machine, played with real parts under real load.

story.py tells it, stage.py is where it happens, screen.py shows it, summary.py counts what came of it.
"""
