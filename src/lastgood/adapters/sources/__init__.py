"""Where releases come from: a folder, a tarball or a git revision.

UsageError     the text names nothing that is there
ActionFailed   the source is there and cannot be read; DiskFull: no room for it
"""
