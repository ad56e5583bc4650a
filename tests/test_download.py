"""Downloads, from a real server on this machine that does everything servers do."""

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, OWN, SCRIPTS, merged
from web import Server, gzipped, volume

from kits import locks
from kits.cli import UserError
from kits.data.download import CHUNK, check_locked, download


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.files["/label"] = gzipped(volume((6, 200, 200), kind=np.uint8))
    server.files["/image"] = gzipped(volume((6, 200, 200)))
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    def run(path="/image", *more, name="imaging"):
        output = tmp_path / "case_00000" / f"{name}.nii.gz"
        options = ["--lock", tmp_path / "lock", "--timeout", 1, "--backoff", 0.01, "--attempts", 3, *more]
        command = [sys.executable, SCRIPTS / "download.py", "--url", server.url(path), "--output", output, *options]
        environment = os.environ | {"TMPDIR": str(tmp_path)}  # and with it slots of its own
        if more[-1:] == ("--kill",):
            process = subprocess.Popen(list(map(str, command[:-1])), env=environment)
            part = output.with_name(f".partial.{output.name}")
            while not (part.exists() and part.stat().st_size):
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
            return process, output
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
        return result, output

    return run


def assert_complete(server, result, output, path="/image"):
    assert result.returncode == 0, result.stderr
    assert output.read_bytes() == server.files[path]
    assert [p.name for p in output.parent.iterdir()] == [output.name]
    digest = hashlib.sha256(server.files[path]).hexdigest()
    assert f"{digest}  case_00000/imaging.nii.gz\n" in (output.parents[1] / "lock").read_text()


def test_a_good_server(server, fetch):
    result, output = fetch()
    assert_complete(server, result, output)
    assert server.requests == [("/image", None, None)]
    check = subprocess.run(["sha256sum", "--check", "lock"], cwd=output.parents[1], capture_output=True, text=True)
    assert check.stdout == "case_00000/imaging.nii.gz: OK\n"


@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_it_goes_on_where_the_server_stopped(server, fetch, fault):
    server.faults["/image"] = [fault, fault]
    result, output = fetch()
    assert_complete(server, result, output)
    size = len(server.files["/image"])
    tag = f'"{hashlib.sha256(server.files["/image"]).hexdigest()[:8]}"'
    _, second, third = [int(asked[6:-1]) if asked else 0 for _, asked, _ in server.requests]
    assert 0 <= size // 2 - second < CHUNK  # what came, less what was not yet written
    assert 0 <= second + (size - second) // 2 - third < CHUNK
    assert [expected for *_, expected in server.requests] == [None, tag, tag]


def test_one_that_gave_up_goes_on(server, fetch):
    server.faults["/image"] = ["truncate"] * 3
    result, output = fetch()
    assert result.returncode == 1
    assert "what came is kept, the same command goes on from it" in result.stderr
    assert not output.exists()
    begun = len(server.requests)
    result, output = fetch()
    assert_complete(server, result, output)
    assert server.requests[begun][1].startswith("bytes=")


def test_a_killed_download_goes_on(server, fetch):
    server.faults["/image"] = ["stall"]
    process, output = fetch("/image", "--timeout", 60, "--kill")
    process.wait()
    assert not output.exists()
    assert_complete(server, *fetch())
    assert server.requests[1][1].startswith("bytes=")


def test_two_runs_on_the_same_data_fetch_a_file_once(server, fetch):
    server.faults["/image"] = ["stall"]
    with ThreadPoolExecutor(2) as both:
        results = [both.submit(fetch) for _ in range(2)]
    for result in results:
        assert_complete(server, *result.result())
    assert [asked is None for _, asked, _ in server.requests] == [True, False]


def test_it_waits_as_long_as_the_server_asks(server, fetch):
    server.faults["/image"] = [429]
    server.retry_after = "1"
    started = time.monotonic()
    result, output = fetch()
    assert_complete(server, result, output)
    assert "answers 429 Too Many Requests; trying again in 1 s" in result.stdout
    assert time.monotonic() - started > 1


def test_another_range_than_asked_for(server, fetch):
    server.faults["/image"] = ["truncate"]
    server.shift = 5
    assert_complete(server, *fetch())


def test_server_errors_are_tried_again(server, fetch):
    server.faults["/image"] = [500, 503]
    result, output = fetch()
    assert_complete(server, result, output)
    assert "the server answers 500 Internal Server Error; trying again in 0.01 s" in result.stdout
    assert "the server answers 503 Service Unavailable; trying again in 0.02 s" in result.stdout


def test_it_gives_up_in_one_line(server, fetch):
    server.faults["/image"] = [500] * 10
    result, output = fetch()
    assert result.returncode == 1
    assert result.stderr == f"error: {server.url('/image')}: the server answers 500 Internal Server Error, 3 times\n"
    assert len(server.requests) == 3
    assert not list(output.parent.iterdir())


def test_a_missing_file_is_not_tried_again(server, fetch):
    result, output = fetch("/absent")
    assert result.returncode == 1
    assert "answers 404 Not Found; check the addresses in download, and data.cases" in result.stderr
    assert len(server.requests) == 1
    assert not list(output.parent.iterdir())


def test_no_server_at_all(server, fetch):
    url = server.url("/image")
    server.shutdown()
    server.server_close()
    result, _ = fetch()
    assert result.returncode == 1
    assert result.stderr == f"error: {url}: the connection broke (ConnectionError), 3 times\n"


def test_a_file_that_changes_meanwhile_is_fetched_anew(server, fetch):
    server.other = gzipped(volume((6, 200, 200), seed=1))
    server.faults["/image"] = ["change"]
    result, output = fetch()
    assert_complete(server, result, output)
    assert output.read_bytes() == server.other
    assert "fetching it again" not in result.stdout  # known from the server's answer, not from what came


@pytest.mark.parametrize(("ranges", "tags"), [(False, True), (True, False), (False, False)])
def test_servers_without_ranges_or_tags(server, fetch, ranges, tags):
    server.ranges, server.tags = ranges, tags
    server.faults["/image"] = ["truncate"]
    assert_complete(server, *fetch())


def test_a_server_that_gives_less_than_was_asked_for(server, fetch):
    server.faults["/image"] = ["truncate"]
    server.most = 100_000
    result, output = fetch()
    assert_complete(server, result, output)
    assert "fetching it again" not in result.stdout
    assert len(server.requests) == 3


def test_a_server_that_knows_dates_only(server, fetch):
    server.dated = True
    server.faults["/image"] = ["truncate"]
    assert_complete(server, *fetch())
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert [expected for *_, expected in server.requests] == [None, date]


def test_many_small_steps_are_progress(server, fetch):
    """More attempts than are allowed in a row, but each brings more than a megabyte."""
    server.files["/image"] = gzipped(volume((6, 1000, 1000)))
    server.faults["/image"] = ["truncate"]
    server.most = 1_100_000
    result, output = fetch()
    assert_complete(server, result, output)
    assert len(server.requests) > 4


def test_another_address_starts_over(server, fetch):
    server.files["/mirror"] = gzipped(volume((6, 200, 200), seed=1))
    server.faults["/image"] = ["truncate"] * 3
    assert fetch()[0].returncode == 1
    result, output = fetch("/mirror")
    assert_complete(server, result, output, "/mirror")
    assert server.requests[-1] == ("/mirror", None, None)


def test_pauses_grow_and_end(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("kits.data.download.time.sleep", pauses.append)
    server.faults["/image"] = [500] * 8
    download(server.url("/image"), tmp_path / "a", lambda path: None, attempts=9)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    pauses.clear()
    server.faults["/image"], server.retry_after = [429], "999999"
    download(server.url("/image"), tmp_path / "b", lambda path: None)
    assert pauses == [3600]


def test_a_damaged_label_or_lock_file_costs_no_download(server, fetch, tmp_path):
    label = tmp_path / "segmentation.nii.gz"
    label.write_bytes(b"")
    result, _ = fetch("/image", "--like", label)
    assert "segmentation.nii.gz is truncated" in result.stderr
    (tmp_path / "lock").write_text("# comment\n")
    result, _ = fetch()
    assert "lock has the line '# comment'" in result.stderr
    assert not server.requests


def test_a_volume_of_this_workflow_is_one(server, fetch):
    """It has a case in its header."""
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), AFFINE)
    image.header["descrip"] = b"case_00001"
    server.files["/image"] = gzipped(image.to_bytes())
    assert_complete(server, *fetch())


def test_other_content_than_the_lock_has(server, fetch):
    result, output = fetch()
    output.unlink()
    begun = len(server.requests)
    server.files["/image"] = gzipped(volume((6, 200, 200), seed=1))
    result, output = fetch()
    assert result.returncode == 1
    assert "what came is not what" in result.stderr
    assert "remove its line from" in result.stderr
    assert len(server.requests) == begun + 1  # no attempt mends that
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>sign in</html>", "no whole gzip file"),
        (gzipped(volume((6, 200, 200)))[:-9], "no whole gzip file"),
        (gzipped(b"hello" * 1000), "what came is no volume in NIfTI-1 format"),
        (gzipped(volume((6, 200, 200))[:100_000]), r"ends before its last voxel \(100000 of 480352 bytes\)"),
        (gzipped(volume((5, 40, 40))), r"has shape \(5, 40, 40\), the label has \(6, 200, 200\)"),
    ],
)
def test_what_is_no_volume_never_gets_the_name(server, fetch, content, says):
    label = fetch("/label", name="segmentation")[1]
    server.files["/image"] = content
    result, output = fetch("/image", "--like", label)
    assert result.returncode == 1
    assert re.search(says, result.stderr), result.stderr
    assert len([line for line in result.stderr.splitlines() if "nii.gz" in line or "error" in line]) == 1
    assert [path.name for path in output.parent.iterdir()] == ["segmentation.nii.gz"]
    assert [path for path, *_ in server.requests].count("/image") == 2


def test_the_lock_file_of_many_jobs(tmp_path):
    code = "import sys; from kits.data.download import *; lock, job = sys.argv[1:]; "
    code += "[check_locked(Path(lock), f'{job}/{i}', 'ab' * 32) for i in range(20)]"
    lock = tmp_path / "lock"
    jobs = [subprocess.Popen([sys.executable, "-c", code, str(lock), str(job)], cwd=SCRIPTS) for job in range(3)]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    assert len(lock.read_text().splitlines()) == 60
    check_locked(lock, "0/0", "ab" * 32)


def test_a_lock_file_mended_by_hand(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(f"{'ab' * 32} *a/b\n\n   \n")
    with pytest.raises(UserError, match="is not what"):
        check_locked(lock, "a/b", "cd" * 32)
    check_locked(lock, "a/c", "cd" * 32)
    assert lock.read_text() == f"{'ab' * 32}  a/b\n{'cd' * 32}  a/c\n"
    lock.write_text("nonsense\n")
    with pytest.raises(UserError, match="has the line 'nonsense'"):
        check_locked(lock, "a/c", "cd" * 32)


def test_slots_are_free_again_when_their_process_dies(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import sys, time; sys.path[0:0] = [sys.argv[2]]; import tempfile; tempfile.tempdir = sys.argv[1]; "
    code += "from kits import locks; print(locks.acquire('thing', ['a', 'b']), flush=True); time.sleep(60)"
    others = []
    for expected in ("a", "b"):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(SCRIPTS)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline().strip() == expected
        others.append(process)
    others[1].kill()
    others[1].wait()
    assert locks.acquire("thing", ["a", "b"]) == "b"
    others[0].kill()


def test_the_workflow_fetches_its_cohort(server, project):
    """Three cases, through Snakemake, a polite number of connections at a time."""
    for case in range(3):
        server.files[f"/r1/case_{case:05d}/l"] = gzipped(volume((4, 20, 20), seed=case, kind=np.uint8))
        server.files[f"/r1/case_{case:05d}/i"] = gzipped(volume((4, 20, 20), seed=case))
    address = {"imaging": server.url("/{revision}/{case}/i"), "labels": server.url("/{revision}/{case}/l")}
    revisions = {"imaging_revision": "r1", "labels_revision": "r1", "connections": 1}
    config = merged(OWN, data={"source": "download", "cases": ["0-2"]}, download=address | revisions)
    server.delay = 0.5  # so that two would meet
    result = project.snakemake(config, "results/own/cohort.tsv")
    assert result.returncode == 0, result.stdout
    assert "CC BY-NC-SA 4.0" in result.stdout
    assert (project.folder / "cohort/case_00002/imaging.nii.gz").read_bytes() == server.files["/r1/case_00002/i"]
    assert len((project.folder / "config/kits19.sha256").read_text().splitlines()) == 6
    assert server.most_at_once == 1
    assert project.planned(config, "--nolock", "results/own/cohort.tsv") == {}
    other = merged(config, download={"attempts": 2, "timeout": 5})
    assert project.planned(other, "--nolock", "results/own/cohort.tsv") == {}
    kept = merged(config, data={"source": "kits19"})
    assert "download_image" not in project.planned(kept, "--nolock", "results/own/cohort.tsv")
