"""The vocabulary as frozen dataclasses: standard library only, no clock, no socket, no file."""
