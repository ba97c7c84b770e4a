"""Durable execution behind the engine port.

inline   a journal file, standard library only: for breaking the glass, and where nothing is installed
dbos     DBOS on a SQLite database in the run's own folder

Neither records an error: whatever goes wrong, the run stays resumable from its last recorded step.

ActionFailed   the engine's records are damaged or do not fit the walk; DiskFull: no room for a record
"""
