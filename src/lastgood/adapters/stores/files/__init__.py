"""Store `files`: a folder of files, such as uploads."""

from lastgood.adapters.stores.files.store import FilesOptions, FilesStore, relocate, values

__all__ = ["FilesOptions", "FilesStore", "relocate", "values"]
