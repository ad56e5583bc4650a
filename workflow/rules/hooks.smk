# The messages before and after the jobs, and for unknown targets.
import difflib
import io
import logging
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress

from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

STARTED = time.time()


def suggest_target(wildcards):
    """End with the error for an unknown target, which names the most similar target."""
    close = difflib.get_close_matches(wildcards.target, list(rules._rules), n=1)
    hint = f"did you mean {close[0]}?" if close else "`snakemake --list-rules` lists the targets"
    errors.fail(f"{wildcards.target} is not a target; {hint}")


def is_planned(*names):
    """Return whether a job of one of these rules will run."""
    return any(strip_name(job.rule) in names for job in workflow.dag.needrun_jobs())


def is_complete():
    """Return whether the command made everything, since only then all results belong to the configuration."""
    return any(strip_name(job.rule) == "all" and workflow.dag.finished(job) for job in workflow.dag.jobs)


def warn_without_gpu():
    """Warn once for the whole run if networks will run on the CPU although the device is chosen automatically."""
    # Predictions of scans are planned once these are sorted.
    uses_networks = is_planned("train", "predict", "predict_scan", "sort_scans")
    if uses_networks and workflow.local_exec and config["device"] == "auto" and not hardware.find_gpu():
        changed = {key.split(".")[0] for key in configuration.list_deviations(config)}
        weeks = ""
        if is_planned("train") and not changed & {"slices", "network"}:
            weeks = ", where the paper's size takes days to weeks; docs/tutorial.md shows smaller ones"
        logger.warning(f"No GPU found: the networks run on the CPU{weeks}.")


def answer_sigterm_in_thread():
    """Let a thread answer SIGTERM as Snakemake does.

    Snakemake's handler waits for a lock. Python runs it in the main thread, which holds this lock while it selects
    jobs; a SIGTERM at such a moment would leave it waiting for itself forever.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread() and callable(handler):
        signal.signal(signal.SIGTERM, lambda *given: threading.Thread(target=handler, args=given).start())


def lift_default_rate():
    """Let jobs begin without Snakemake's default limit of 100 a second, which no run here reaches.

    With a limit, each evaluation of the scheduler starts a timer for another one, so they pile up while jobs run
    (findings/snakemake_scheduler_timers.sh). A limit that the user sets stays.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


class UnreadStream:
    """A stream that goes on if its reader is gone, as with `snakemake 2>&1 | head`; what it is given then is lost."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        with suppress(BrokenPipeError):
            self.stream.write(text)

    def flush(self):
        with suppress(BrokenPipeError):
            self.stream.flush()


def go_on_without_reader():
    """Let Snakemake and its jobs go on if nobody reads its messages any longer. Its log has them all."""
    for handler in logger.handlers:
        if isinstance(getattr(handler, "stream", None), io.TextIOBase):
            handler.stream = UnreadStream(handler.stream)


def show_progress_seldom():
    """Say how far the run is at every twentieth of it, and not at each job, which takes five lines.

    `--quiet host`, which shows every job in full, and Snakemake's log have each.
    """
    shown = 0

    def is_shown(record):
        nonlocal shown
        event = getattr(record, "event", None)
        if event == LogEvent.PROGRESS:
            last, shown = shown, 20 * record.done // record.total
            return shown > last
        started = event in (LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED)
        return not started and record.msg != "Select jobs to execute..."

    if Quietness.RULES in (workflow.output_settings.quiet or ()):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.addFilter(is_shown)


def require_slurm():
    """Stop before any job is submitted if SLURM does not answer, since its plugin would wait and ignore SIGTERM."""
    if workflow.executor_plugin.name != "slurm":
        return
    advice = "or run without `--profile profiles/slurm`"
    for command in ("sbatch", "scontrol"):
        if not shutil.which(command):
            errors.fail(
                f"this machine has no SLURM (command {command} is missing); use a login node of a cluster, {advice}"
            )
    try:
        subprocess.run(["scontrol", "ping"], capture_output=True, timeout=10, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        errors.fail(f"SLURM's controller does not answer `scontrol ping`; try again when it does, {advice}")


def detect_canceled_jobs():
    """Let the SLURM plugin query its jobs with workflow/slurm/sacct, which shows canceled jobs in the plugin's form."""
    if not workflow.local_exec:
        cli.prefer_commands((WORKFLOW / "slurm").resolve())


def remove_accepted_states():
    """Delete the states of those trainings whose models Snakemake has accepted; of the others, models can be made."""
    unfinished = set(workflow.dag.needrun_jobs())
    for job in workflow.dag.jobs:
        if strip_name(job.rule) == "train" and job not in unfinished and os.path.exists(job.output.model):
            Path(job.output.model).with_suffix(".resume.pt").unlink(missing_ok=True)


def refuse_future_times():
    """Stop before any job if an input has a time in the future, since Snakemake would throw away what is made of it."""
    now, planned = time.time(), list(workflow.dag.needrun_jobs())
    paths = {path for job in planned for path in job.input} - {path for job in planned for path in job.output}
    late = {path: os.path.getmtime(path) for path in paths if os.path.exists(path) and os.path.getmtime(path) > now}
    if late:
        first = min(late)
        others = f" and {len(late) - 1} other files" if len(late) > 1 else ""
        folder = shlex.quote(
            os.path.relpath(os.path.commonpath([os.path.abspath(os.path.dirname(path)) for path in late]))
        )
        errors.fail(
            f"{first}{others}: the time of the last change, {time.ctime(late[first])}, lies in the future, so Snakemake "
            f"would throw away what is made of it; set such times to now: find {folder} -newermt now -exec touch {{}} +"
        )


def announce_license():
    """State the license of KiTS19 if its volumes are about to be fetched."""
    if is_planned("download"):
        logger.warning(
            "KiTS19 is fetched (some 20 GB for all cases), under CC BY-NC-SA 4.0 "
            "(attribution, no commercial use, share alike); "
            f"checksums are compared with, or added to, {config['download']['lock']}."
        )


def announce_missing_record():
    """State that agreement and outcomes are left out of a complete run if there is no clinical record."""
    if not HAS_RECORD and any(strip_name(job.rule) == "all" for job in workflow.dag.jobs):
        logger.warning(
            f"No clinical record ({locate(RECORD)}): agreement with the radiologist and outcomes are left out."
        )


def announce_missing_labels():
    """State which cases are left out of the outcomes since they have no label."""
    if is_planned("read_record") and (missing := [case for case in COHORT.cases if case not in COHORT.labeled]):
        logger.warning(f"Without a label, and so left out of agreement and outcomes: {cohort.format_cases(missing)}")


def announce_ignored_scans():
    """State what lies in the folder of scans and is none."""
    for root in SCAN_ROOTS if is_planned("segment") else ():
        if names := scan_folder.list_ignored(root):
            logger.warning(f"No scans, so left alone in {root}: {', '.join(names)} (expected {scan_folder.EXPECTED})")


def show_summary():
    """Show the table of Dice and the effect of post-processing."""
    command = [sys.executable, str(SCRIPTS / "show_summary.py"), "--run", RESULTS]
    shell(f"{shlex.join(command)} 2>&1 | keep_log {shlex.quote(f'{RESULTS}/logs/show_summary.log')}")


def remove_placeholders():
    """Delete the empty files that stand for the volumes of refused scans, which Snakemake expects during the run."""
    for scan in CONVERTED:
        image = Path(RESULTS, "scans", scan, "imaging.nii.gz")
        if image.is_file() and not image.stat().st_size:
            image.unlink()


def repeat_errors():
    """Repeat the jobs' own errors at the end, since they are hard to find among Snakemake's messages."""
    logs = [path for path in Path(RESULTS, "logs").rglob("*.log") if path.stat().st_mtime >= STARTED]
    lines = [line for path in sorted(logs) for line in path.read_text(errors="replace").splitlines()]
    for line in dict.fromkeys(line for line in lines if line.startswith("error: ")):
        logger.error(line)
