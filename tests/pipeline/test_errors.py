"""Errors of the system become one line: what was refused, where, and what to do."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.commands.errors import one_line
from pipeline.errors import BadInputError
from pipeline.files.private import naming, reason, write_private


def test_a_full_disk_is_named_whoever_found_it() -> None:
    """Python's own errors of writing name no file, and Arrow's not even the number."""
    told = (
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
    )
    for refused in told:
        with pytest.raises(OSError) as error, naming(Path("results/steps.csv")):
            raise refused
        assert one_line(error.value) == (
            f"{Path('results/steps.csv')}: {os.strerror(errno.ENOSPC)}: free space, or choose another folder"
        )
        assert reason(refused) == os.strerror(errno.ENOSPC)


def test_other_refusals_keep_the_file_that_they_name(tmp_path: Path) -> None:
    with pytest.raises(OSError) as error:
        write_private(tmp_path / "none" / "page.html", "x")
    assert one_line(error.value).endswith(": check the name") and "none" in one_line(error.value)
    with pytest.raises(BadInputError, match="as it was"), naming(tmp_path):
        raise BadInputError("as it was")
    with pytest.raises(OSError, match="of no number"), naming(tmp_path):
        raise OSError("of no number")
    assert one_line(OSError(errno.EACCES, "Permission denied", "a")).startswith("a: Permission denied: check its perm")
