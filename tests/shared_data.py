"""Where the shared public recordings lie; tests that need them skip, with the reason, where they do not."""

import os
from pathlib import Path

import pytest


def dataset(name: str) -> Path:
    """The folder of one shared data set. Skips the test where it is absent."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared"
    folder = Path(os.environ.get("KNEETRACK_SHARED", default)) / "datasets" / name
    if not folder.is_dir():
        pytest.skip(f"the public recordings {name} are not here ({folder.name} absent from shared/datasets)")
    return folder
