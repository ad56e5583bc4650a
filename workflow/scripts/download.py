"""Fetch a volume of the cohort: resume an earlier download, try again after a failure, and verify the file."""

from kidney_tumor import cli
from kidney_tumor.data.download import download


@cli.run_main("download.attempts", "download.timeout", output="case_XXXXX/imaging.nii.gz or segmentation.nii.gz")
@cli.take_option("url", required=True, help="address of the volume")
@cli.take_file("like", "volume of the same shape: the label of an image", nargs="?", required=False)
@cli.take_file("lock", "file of checksums in the format of sha256sum")
@cli.take_option("backoff", type=float, default=1, help="seconds before the second attempt, then doubled")
def main(arguments: cli.Arguments) -> None:
    patience = {key: getattr(arguments, key) for key in ("attempts", "timeout", "backoff")}
    download(arguments.url, arguments.output, arguments.lock, arguments.like, **patience)
    size = arguments.output.stat().st_size / 1e6
    print(f"{'/'.join(arguments.output.parts[-2:])}: complete, {size:.1f} MB", flush=True)
