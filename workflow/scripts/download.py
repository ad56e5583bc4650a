"""Fetch a volume of the cohort: go on where an earlier attempt stopped, try again, verify."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kits import cli
from kits import locks as slots
from kits.data.download import check_locked, check_volume, download, read_lock, sha256
from kits.data.nifti import read_geometry


def main(arguments: argparse.Namespace) -> None:
    name = "/".join(arguments.output.parts[-2:])
    shape = read_geometry(arguments.like).shape if arguments.like else None
    read_lock(arguments.lock)  # before the download, not after it
    slots.acquire("download", [str(number) for number in range(arguments.connections)])

    def verify(path: Path) -> None:
        check_volume(path, shape)
        check_locked(arguments.lock, name, sha256(path))

    download(
        arguments.url,
        arguments.output,
        verify,
        attempts=arguments.attempts,
        timeout=arguments.timeout,
        backoff=arguments.backoff,
        report=lambda line: print(f"{name}: {line}", flush=True),
    )
    print(f"{name}: complete, {arguments.output.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--url", required=True, help="of the volume")
    parser.add_argument("--output", type=Path, required=True, help="case_XXXXX/imaging.nii.gz or segmentation.nii.gz")
    parser.add_argument("--like", type=Path, help="a volume of the same shape: the label of an image")
    parser.add_argument("--lock", type=Path, required=True, help="checksums, as sha256sum writes them")
    parser.add_argument("--connections", type=int, default=4, help="at a time, of all jobs on this machine")
    parser.add_argument("--attempts", type=int, default=8, help="in a row without progress")
    parser.add_argument("--timeout", type=float, default=60, help="seconds without a byte")
    parser.add_argument("--backoff", type=float, default=1, help="seconds before the second attempt, then doubled")
    cli.run(main, parser)
