"""Errors of the system become one line: what was refused, where, and what to do."""

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.commands.errors import one_line
from pipeline.errors import BadInputError
from pipeline.files.private import naming, write_private

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's device that is always full")
def test_a_full_disk_is_named_whoever_found_it() -> None:
    """Python's own errors of writing name no file, and Arrow's not even the number."""
    lines = []
    for write in (
        lambda: FULL.write_text("x" * 100_000),
        lambda: pq.write_table(pa.table({"a": range(100_000)}), FULL),
    ):
        with pytest.raises(OSError) as error, naming(Path("results/steps.csv")):
            write()
        lines.append(one_line(error.value))
    assert lines == ["results/steps.csv: No space left on device: free space, or choose another folder"] * 2


def test_other_refusals_keep_the_file_that_they_name(tmp_path: Path) -> None:
    with pytest.raises(OSError) as error:
        write_private(tmp_path / "none" / "page.html", "x")
    assert one_line(error.value).endswith(": check the name") and "none" in one_line(error.value)
    with pytest.raises(BadInputError, match="as it was"), naming(tmp_path):
        raise BadInputError("as it was")
    with pytest.raises(OSError, match="of no number"), naming(tmp_path):
        raise OSError("of no number")
    assert one_line(OSError(errno.EACCES, "Permission denied", "a")).startswith("a: Permission denied: check its perm")
