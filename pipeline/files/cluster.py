"""Much work on the machines of a Dask cluster: the pieces go to its scheduler, the results come back as they are done.

Inputs and results lie in a folder that all machines see under the same path; what travels is what is asked and a few
numbers. A piece whose worker dies is given to another one by the scheduler, and given up when it has taken several
along. Dask's workers may run pieces in threads; each process of ours takes one at a time all the same, since figures
are drawn by a library that is not made for threads. A scheduler runs what its clients send: it belongs in a network
that is trusted.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.crew import Died
from pipeline.files.private import write_private

if TYPE_CHECKING:
    from distributed import Client

R = TypeVar("R")

CONNECT_S = 10.0
"""How long a scheduler may take to answer, and its first worker to appear."""
_ONE_AT_A_TIME = threading.Lock()


def work_on_cluster(
    work: Callable[..., R], pieces: Sequence[tuple[Any, ...]], address: str, folder: Path
) -> Generator[tuple[int, R | Died], None, None]:
    """Call `work(*piece)` for each piece on a cluster; gives each piece's number as it is done, and its result.

    work, pieces, results: what can be pickled. address: of the scheduler (tcp://host:8786). folder: of the results, to
    see whether the workers have it too. Leaving the iteration early takes back what was not begun.

    Raises KneetrackError where Dask is not installed, the scheduler does not answer, has no worker, is lost on the way,
    or its workers cannot do this work.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise KneetrackError(
            "--scheduler needs Dask, which is not installed: pip install 'kneetrack[cluster]', or leave it out to use "
            "this computer's cores"
        ) from None
    _hush()
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInputError(
            f"no Dask scheduler answers at {address} ({why}): start one with `dask scheduler`"
        ) from None
    with client:
        _check_workers(client, address, folder)
        run = uuid.uuid4().hex
        futures = {
            client.submit(_alone, work, piece, key=f"kneetrack-{run}-{number}", pure=False): number
            for number, piece in enumerate(pieces)
        }
        try:
            for future in as_completed(futures):
                if future.status in ("cancelled", "lost"):
                    raise KneetrackError(
                        f"the Dask scheduler at {address} is gone: start it, and run this again to go on"
                    )
                number = futures.pop(future)
                failure = future.exception() if future.status == "error" else None
                yield number, future.result() if failure is None else Died(_why(failure))
        finally:
            client.cancel(list(futures), force=True)


def _hush() -> None:
    """What goes wrong is said by us, in one line, not by Dask in fifty."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).disabled = True


def _alone(work: Callable[..., R], piece: tuple[Any, ...]) -> R:
    with _ONE_AT_A_TIME:
        return work(*piece)


def _why(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if type(error).__name__ == "KilledWorker":
        return "the worker that had it died, several times"
    return f"the cluster could not do it: {type(error).__name__}{': ' + text if text else ''}"


def _check_workers(client: "Client", address: str, folder: Path) -> None:
    """That there are workers, that they have the same kneetrack, and that they see the folder."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise BadInputError(
            f"the Dask scheduler at {address} has no workers: start some with `dask worker {address} --nthreads 1`"
        ) from None
    mark = folder.absolute() / f".batch-{uuid.uuid4().hex}"
    try:
        write_private(mark, "seen")
        answers: Mapping[str, object] = client.run(_look, str(mark), on_error="return")
    except OSError as error:
        raise BadInputError(f"{folder} cannot be written to ({error.strerror}): choose another folder") from None
    finally:
        mark.unlink(missing_ok=True)
    ours = _version()
    for worker, answer in answers.items():
        if not isinstance(answer, tuple):
            raise KneetrackError(f"the worker {worker} has no kneetrack {ours} ({answer}): install the same there")
        version, seen = answer
        if version != ours:
            raise KneetrackError(f"the worker {worker} has kneetrack {version}, not {ours}: install the same there")
        if not seen:
            raise KneetrackError(
                f"the worker {worker} does not see {folder.absolute()}: recordings and results have to lie in a folder "
                "that all machines share under the same path"
            )


def _look(mark: str) -> tuple[str, bool]:
    return _version(), Path(mark).is_file()


def _version() -> str:
    try:
        return metadata.version("kneetrack")
    except metadata.PackageNotFoundError:
        return "not installed"
