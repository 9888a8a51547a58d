"""Where the shared public recordings lie; tests that need them skip, with the reason, where they do not."""

import os
from pathlib import Path

import pytest


def shared_folder(name: str) -> Path | None:
    """The folder of one shared data set, or None where it is absent."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared"
    folder = Path(os.environ.get("KNEETRACK_SHARED", default)) / "datasets" / name
    return folder if folder.is_dir() else None


def dataset(name: str) -> Path:
    """The folder of one shared data set. Skips the test where it is absent."""
    folder = shared_folder(name)
    if folder is None:
        pytest.skip(f"the public recordings {name} are not here (shared/datasets/{name})")
    return folder
