"""Where the examples are: in a source checkout beside `src`, in an installed wheel inside the package."""

from __future__ import annotations

from pathlib import Path

import lastgood
from lastgood.domain.errors import ActionFailed


def shop_folder() -> Path:
    """The folder of examples/shop, which holds build.py. Raises ActionFailed."""
    package = Path(lastgood.__file__).resolve().parent
    for above in (package, package.parents[1]):
        folder = above / "examples" / "shop"
        if (folder / "build.py").is_file():
            return folder
    raise ActionFailed(
        f"The example shop is not beside {package}.",
        "This installation of lastgood is not whole.",
        "Install lastgood again.",
    )
