"""What to do about a volume that cannot be used, by its place in a cohort or among the results of a run.

The command line imports this module, so it imports nothing heavy.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from typing import Any, TypeVar

from kidney_tumor.data.cohort import CASE, VOLUMES, name_mask
from kidney_tumor.errors import UserError, VolumeError
from kidney_tumor.files import suggest_remake

T = TypeVar("T")


def explain(error: UserError) -> str:
    """Explain an error; one of a volume with its case, if its folder names one, and what to do about it there."""
    if not isinstance(error, VolumeError):
        return str(error)
    path = error.path
    case = f"{path.parent.name}: " if CASE.fullmatch(path.parent.name) else ""
    if error.remedy:
        return f"{case}{error}"
    if path.name in VOLUMES:
        return f"{case}{path} {error.what}; fetch or export it again, or leave the case out (data.exclude)"
    if path.is_file() and (name_mask(path) or path.parent.parent.name == "scans"):
        return f"{case}{path} {error.what}; {suggest_remake(path)}"
    return f"{case}{error}"


def collect(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """Call all jobs and return their results.

    Raises:
        UserError: At least one job raised it; the message has the lines of every failure.
    """
    results, problems = [], []
    for job in jobs:
        try:
            results.append(job())
        except UserError as error:
            problems.append(explain(error))
    if problems:
        raise UserError("\n".join(problems))
    return results


def collect_in_parallel(work: Callable[..., T], calls: Iterable[Sequence[Any]], threads: int) -> list[T]:
    """Call a function with each of several lists of arguments, in `threads` processes, and return its results.

    Raises:
        UserError: At least one call raised it; the message has the lines of every failure.
    """
    with futures.ProcessPoolExecutor(threads) as pool:
        return collect([pool.submit(work, *call).result for call in calls])
