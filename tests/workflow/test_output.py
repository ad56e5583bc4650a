"""What a run shows."""

import re

import pytest
from conftest import TINY


@pytest.mark.slow
@pytest.mark.parametrize(("quiet", "every"), [((), False), (("--quiet", "host"), True)])
def test_progress_is_shown_seldom_unless_all_is_asked_for(project, quiet, every):
    result = project.snakemake(TINY, "check_cohort", "results/tiny/split.tsv", *quiet)
    assert result.returncode == 0
    assert "7 of 7 steps (100%) done" in result.stdout
    finished = re.findall(r"^Finished jobid", result.stdout, re.MULTILINE)
    assert len(finished) == (7 if every else 0)
    assert ("Select jobs to execute..." in result.stdout) is every
    (log,) = (project.folder / ".snakemake/log").iterdir()
    assert len(re.findall(r"^Finished jobid", log.read_text(), re.MULTILINE)) == 7
