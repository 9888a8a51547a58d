"""Where the shared public recordings lie; tests that need them skip, with the reason, where they do not."""

import os
from pathlib import Path

import pytest


def shared_folder(name: str) -> Path | None:
    """The folder of a data set, or None where it is absent. KNEETRACK_SHARED names the folder `shared`."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("KNEETRACK_SHARED", beside)) / "datasets" / name
    return folder if folder.is_dir() else None


def dataset(name: str) -> Path:
    """The folder of a data set; skips the test where it is absent."""
    folder = shared_folder(name)
    if folder is None:
        pytest.skip(f"the data set {name} is not here: set KNEETRACK_SHARED to the folder that holds datasets/{name}")
    return folder
