"""Downloads from a real server on this machine, which fails and redirects like servers on the internet."""

import hashlib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, OWN, SCRIPTS, merged, run_script, start_script
from helpers.web import Server, gzipped, volume

from kidney_tumor.data.download import CHUNK, check_locked, download
from kidney_tumor.errors import UserError

HUB = "/datasets/owner/name/resolve/main/images/case_00000.nii.gz"
IMAGE, OTHER = (gzipped(volume((6, 200, 200), seed=seed)) for seed in (0, 1))
LABEL = gzipped(volume((6, 200, 200), kind=np.uint8))


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.files = {"/image": IMAGE, "/label": LABEL, HUB: IMAGE}
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """Collect the pauses of a download in seconds, without waiting."""
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def fetch(server, tmp_path, pauses):
    """Fetch a volume in this process and return its path."""

    def run(path="/image", name="imaging", like=None, attempts=3, timeout=0.2):
        output = tmp_path / "case_00000" / f"{name}.nii.gz"
        patience = {"attempts": attempts, "timeout": timeout, "backoff": 1}
        download(server.url(path), output, tmp_path / "lock", like, **patience)
        return output

    return run


def assert_complete(output, content=IMAGE):
    assert output.read_bytes() == content
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    digest = hashlib.sha256(content).hexdigest()
    assert f"{digest}  case_00000/imaging.nii.gz\n" in (output.parents[1] / "lock").read_text()


def assert_nothing_left(tmp_path):
    """But the lock, which another process may be waiting for."""
    assert all(path.name.endswith(".lock") for path in (tmp_path / "case_00000").iterdir())


def test_a_good_server(server, fetch):
    output = fetch()
    assert_complete(output)
    assert server.requests == [("/image", None)]
    check = subprocess.run(["sha256sum", "--check", "lock"], cwd=output.parents[1], capture_output=True, text=True)
    assert check.stdout == "case_00000/imaging.nii.gz: OK\n"


def test_a_hub_redirects_to_its_store(server, fetch):
    assert_complete(fetch(HUB))
    assert server.requests == [(HUB, None), (f"/store{HUB}", None)]


def test_a_hub_states_another_sha256(server, fetch, tmp_path, capsys):
    server.files[f"/store{HUB}"] = OTHER
    stated, found = (hashlib.sha256(content).hexdigest() for content in (IMAGE, OTHER))
    with pytest.raises(UserError, match=f"the download has sha256 {found}, but the server states {stated}"):
        fetch(HUB)
    assert_nothing_left(tmp_path)
    assert not (tmp_path / "lock").exists()
    assert "fetching it again" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["truncate", "stall"])
@pytest.mark.parametrize(("path", "stored"), [("/image", "/image"), (HUB, f"/store{HUB}")])
def test_it_goes_on_where_the_server_stopped(server, fetch, path, stored, fault):
    server.faults[stored] = [fault, fault]
    assert_complete(fetch(path))
    first, *asked = [asked for name, asked in server.requests if name == stored]
    second, third = [int(begin.removeprefix("bytes=").removesuffix("-")) for begin in asked]
    assert first is None
    assert 0 <= len(IMAGE) // 2 - second < CHUNK  # what was received, without what was not yet written
    assert 0 <= second + (len(IMAGE) - second) // 2 - third < CHUNK


def test_one_that_gave_up_goes_on(server, fetch, tmp_path):
    server.faults["/image"] = ["truncate"] * 3
    with pytest.raises(UserError, match="3 times; the partial file is kept, run the same command again to resume"):
        fetch()
    assert not (tmp_path / "case_00000" / "imaging.nii.gz").exists()
    begun = len(server.requests)
    assert_complete(fetch())
    assert server.requests[begun][1].startswith("bytes=")


def test_a_killed_download_goes_on(server, fetch, tmp_path):
    server.faults["/image"] = ["stall"]
    output = tmp_path / "case_00000" / "imaging.nii.gz"
    command = [SCRIPTS / "download.py", "--url", server.url("/image"), "--output", output, "--lock", tmp_path / "lock"]
    process = subprocess.Popen([sys.executable, *map(str, command)])
    while not any(path.stat().st_size for path in output.parent.glob(".partial.*")):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert not output.exists()
    assert_complete(fetch())
    assert server.requests[1][1].startswith("bytes=")


def test_two_runs_on_the_same_data_fetch_a_file_once(server, tmp_path):
    server.faults["/image"] = ["stall"]
    output = tmp_path / "case_00000" / "imaging.nii.gz"
    options = ["--lock", tmp_path / "lock", "--timeout", 0.7, "--backoff", 0]
    with ThreadPoolExecutor(2) as both:
        command = ("download", "--url", server.url("/image"), "--output", output, *options)
        runs = [both.submit(start_script, *command) for _ in range(2)]
    assert [run.result().returncode for run in runs] == [0, 0]
    assert_complete(output)
    assert [asked is None for _, asked in server.requests] == [True, False]


def test_it_waits_as_long_as_the_server_asks(server, fetch, pauses):
    server.faults["/image"], server.retry_after = [429, 503], "90"
    assert_complete(fetch())
    assert all(90 <= pause <= 91 for pause in pauses)
    assert len(pauses) == 2


@pytest.mark.parametrize("fault", [500, "drop"])
def test_pauses_grow_and_end(server, fetch, pauses, fault):
    server.faults["/image"] = [fault] * 8
    assert_complete(fetch(attempts=9))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (500, "the server answers 500 Internal Server Error"),
        ("drop", r"the download was interrupted \(Server disconnected.*\)"),
    ],
)
def test_it_gives_up(server, fetch, tmp_path, fault, says):
    server.faults["/image"] = [fault] * 10
    with pytest.raises(UserError, match=f"^{server.url('/image')}: {says}, 3 times$"):
        fetch()
    assert len(server.requests) == 3
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize("path", ["/absent", "/datasets/owner/name/resolve/main/absent"])
def test_a_missing_file_is_not_tried_again(server, fetch, tmp_path, path):
    with pytest.raises(UserError, match=r"answers 404 Not Found; check the addresses in download, and data.cases"):
        fetch(path)
    assert len(server.requests) == 1
    assert_nothing_left(tmp_path)


def test_no_server_at_all(server, fetch):
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"the download was interrupted \(.*Connection refused\), 3 times$"):
        fetch()


def test_a_file_that_changes_meanwhile_is_fetched_anew(server, fetch):
    server.other = OTHER
    server.faults["/image"] = ["change"]
    assert_complete(fetch(), OTHER)


def test_a_server_without_ranges(server, fetch):
    server.ranges = False
    server.faults["/image"] = ["truncate"]
    assert_complete(fetch())
    assert len(server.requests) == 2


def test_another_range_than_asked_for(server, fetch):
    server.faults["/image"] = ["truncate"]
    server.shift = 5
    assert_complete(fetch())


def test_nothing_was_missing(server, fetch, tmp_path):
    """The whole file had been received when the process was killed."""
    server.faults["/image"] = ["truncate"] * 3
    with pytest.raises(UserError):
        fetch()
    partial = next(path for path in (tmp_path / "case_00000").glob(".partial.*") if path.suffix != ".lock")
    partial.write_bytes(IMAGE)
    assert_complete(fetch())
    assert server.requests[-1] == ("/image", f"bytes={len(IMAGE)}-")


def test_many_small_steps_are_progress(server, fetch):
    """More attempts than are allowed in a row, but each brings more than a megabyte."""
    server.files["/image"] = gzipped(volume((6, 1000, 1000)))
    server.faults["/image"] = ["truncate"]
    server.most = 1_200_000
    assert_complete(fetch(), server.files["/image"])
    assert len(server.requests) > 4
    assert [asked for _, asked in server.requests].count(None) == 1


def test_another_address_starts_over(server, fetch):
    server.files["/mirror"] = OTHER
    server.faults["/image"] = ["truncate"] * 3
    with pytest.raises(UserError):
        fetch()
    assert_complete(fetch("/mirror"), OTHER)
    assert server.requests[3:] == [("/mirror", None)]


def test_a_full_disk(server, fetch, small_disk, tmp_path):
    folder, make_room = small_disk
    (tmp_path / "case_00000").symlink_to(folder)
    with pytest.raises(OSError, match="No space left on device") as error:
        fetch()
    assert ".partial.imaging.nii.gz" in error.value.filename
    assert not (folder / "imaging.nii.gz").exists()
    make_room()
    assert_complete(fetch())
    assert server.requests[1][1].startswith("bytes=")


def test_a_damaged_label_or_lock_file_costs_no_download(server, fetch, tmp_path):
    label = tmp_path / "segmentation.nii.gz"
    label.write_bytes(b"")
    with pytest.raises(UserError, match=r"segmentation.nii.gz is empty"):
        fetch(like=label)
    (tmp_path / "lock").write_text("# comment\n")
    with pytest.raises(UserError, match="lock has the line '# comment'"):
        fetch()
    assert not server.requests


def test_a_volume_of_this_workflow_is_one(server, fetch):
    """The volume has the name of a case in its header, and is still accepted."""
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), AFFINE)
    image.header["descrip"] = b"case_00001"
    server.files["/image"] = gzipped(image.to_bytes())
    assert_complete(fetch(), server.files["/image"])


def test_other_content_than_the_lock_has(server, fetch, tmp_path):
    fetch().unlink()
    server.files["/image"] = OTHER
    with pytest.raises(UserError, match=r"the download has sha256 .*, but .*lock lists .*remove its line from"):
        fetch()
    assert len(server.requests) == 2  # another attempt cannot help
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>sign in</html>", "not a complete gzip file"),
        (IMAGE[:-9], "not a complete gzip file"),
        (gzipped(b"hello" * 1000), "the download is not a volume in NIfTI format"),
        (gzipped(volume((6, 200, 200))[:100_000]), r"ends before its last voxel \(100000 of 480352 bytes\)"),
        (gzipped(volume((5, 40, 40))), r"has shape \(5, 40, 40\), the label has \(6, 200, 200\)"),
    ],
    ids=["page", "cut", "text", "short", "shape"],
)
def test_what_is_no_volume_never_gets_the_name(server, fetch, content, says):
    label = fetch("/label", name="segmentation")
    server.files["/image"] = content
    with pytest.raises(UserError, match=says):
        fetch(like=label)
    left = {path.name for path in label.parent.iterdir()}
    assert left == {"segmentation.nii.gz", ".partial.imaging.nii.gz.lock"}
    assert [path for path, _ in server.requests].count("/image") == 2


def test_the_script_says_in_one_line_what_is_wrong(server, tmp_path):
    options = ["--url", server.url("/absent"), "--output", tmp_path / "case_00000" / "imaging.nii.gz"]
    options += ["--lock", tmp_path / "lock"]
    result = run_script("download", *options)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {server.url('/absent')}: the server answers 404")
    assert len(result.stderr.splitlines()) == 1
    assert len(server.requests) == 1


def test_the_lock_file_of_many_jobs(tmp_path):
    lock = tmp_path / "lock"
    with ThreadPoolExecutor(4) as jobs:
        list(jobs.map(lambda number: check_locked(lock, f"{number}", "ab" * 32), range(40)))
    assert len(lock.read_text().splitlines()) == 40
    check_locked(lock, "0", "ab" * 32)


def test_a_lock_file_edited_by_hand(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(f"{'ab' * 32} *a/b\n\n   \n")
    with pytest.raises(UserError, match=r"but .*lock lists"):
        check_locked(lock, "a/b", "cd" * 32)
    check_locked(lock, "a/c", "cd" * 32)
    assert lock.read_text() == f"{'ab' * 32}  a/b\n{'cd' * 32}  a/c\n"
    lock.write_text("nonsense\n")
    with pytest.raises(UserError, match="has the line 'nonsense'"):
        check_locked(lock, "a/c", "cd" * 32)


@pytest.mark.slow
def test_the_workflow_fetches_its_cohort(server, project):
    """Two cases, through Snakemake, a polite number of connections at a time; images from a hub."""
    hub, other = "/datasets/owner/name/resolve/{revision}/{case}.nii.gz", "/{revision}/{case}/label"
    for case in ("case_00000", "case_00001"):
        server.files[hub.format(revision="r1", case=case)] = gzipped(volume((4, 20, 20)))
        server.files[other.format(revision="r2", case=case)] = gzipped(volume((4, 20, 20), kind=np.uint8))
    address = {"imaging": server.url(hub), "labels": server.url(other)}
    revisions = {"imaging_revision": "r1", "labels_revision": "r2", "connections": 1}
    config = merged(OWN, data={"source": "download", "cases": ["0-1"]}, download=address | revisions)
    config["split"] = {"test_cases": 1}
    server.faults = {other.format(revision="r2", case=f"case_0000{case}"): ["wait"] for case in (0, 1)}
    result = project.snakemake(config, "results/own/cohort.tsv")
    assert result.returncode == 0, result.stdout
    assert "CC BY-NC-SA 4.0" in result.stdout
    images = [project.folder / f"cohort/case_0000{case}/imaging.nii.gz" for case in (0, 1)]
    assert [image.read_bytes() for image in images] == [gzipped(volume((4, 20, 20)))] * 2
    assert len((project.folder / "config/kits19.sha256").read_text().splitlines()) == 4
    assert server.most_at_once == 1
    for changed in ("workflow/scripts/kidney_tumor/download.py", "cohort/case_00000/segmentation.nii.gz"):
        with (project.folder / changed).open("a") as file:
            file.write("\n")
    patient = merged(config, download={"attempts": 2, "timeout": 5, "connections": 2})
    assert "download" not in project.planned(patient, "--nolock", "results/own/cohort.tsv")
    moved = merged(config, download={"imaging_revision": "r3"})
    assert project.planned(moved, "--nolock", "results/own/cohort.tsv")["download"] == 2
