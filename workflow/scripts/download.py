"""Fetch a volume of the cohort: resume an earlier download, try again after a failure, and verify the file."""

from kidney_tumor import cli
from kidney_tumor.data.download import download


def main(arguments: cli.Arguments) -> None:
    patience = {key: getattr(arguments, key) for key in ("attempts", "timeout", "backoff")}
    download(arguments.url, arguments.output, arguments.lock, arguments.like, **patience)
    size = arguments.output.stat().st_size / 1e6
    print(f"{'/'.join(arguments.output.parts[-2:])}: complete, {size:.1f} MB", flush=True)


if __name__ == "__main__":
    parser = cli.make_parser(
        __doc__, "download.attempts", "download.timeout", output="case_XXXXX/imaging.nii.gz or segmentation.nii.gz"
    )
    parser.add_argument("--url", required=True, help="address of the volume")
    cli.add_file(parser, "like", "volume of the same shape: the label of an image", nargs="?", required=False)
    cli.add_file(parser, "lock", "file of checksums in the format of sha256sum")
    parser.add_argument("--backoff", type=float, default=1, help="seconds before the second attempt, then doubled")
    cli.run(main, parser)
