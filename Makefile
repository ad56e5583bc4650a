PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
SNAKEMAKE = .venv/bin/snakemake --cores $(CORES)

# Scripts find the package beside them.
unexport PYTHONSAFEPATH

# Python keeps what it has compiled, so that the next tests start sooner.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: .venv demo report test test-all test-slurm faults lint lock bench site
.DELETE_ON_ERROR:

# This file is written last, so that an interrupted installation is repeated. A link leads to another's environment: it
# is used as it is, and nothing is installed or deleted there.
OWN = @test ! -L .venv || { echo "error: .venv is a link to another's environment; remove the link: rm .venv" >&2; exit 1; }
.venv: $(if $(shell test -L .venv && echo linked),,.venv/installed)
.venv/installed: envs/lock.txt envs/requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "installing into .venv: 2 to 6 minutes, 2 GB"
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check --no-compile -q -r envs/requirements.txt -c envs/lock.txt
	.venv/bin/python -m compileall -qq -j 0 .venv/lib >/dev/null || true # some packages ship files for newer Pythons
	ln -sf ../../workflow/bin/kidney .venv/bin/kidney
	@touch $@
	@echo "installed in .venv; .venv/bin/kidney --help says what it can do"

# Run the whole workflow on a phantom cohort, on the CPU.
demo: .venv
	.venv/bin/kidney demo --cores $(CORES)

# Write results/<run>/report.html, one page with all results of a complete run, by its name or by its configuration file;
# refuse if they would change. It installs nothing.
RUN ?= kits19
CONFIG ?=
report: export RUN := $(RUN)
report: export CONFIG := $(CONFIG)
report:
	@test -x .venv/bin/python || { echo "error: there is no .venv here; make .venv installs it" >&2; exit 1; }
	.venv/bin/python workflow/scripts/make_report.py $(if $(CONFIG),--configfile "$$CONFIG",--run "$$RUN")

PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist worksteal
test: .venv
	$(PYTEST) -m "not slow"

# Run these and the slow ones: faults, a browser, random input, each key of the configuration changed in turn. They share
# one run of the workflow.
test-all: .venv
	$(PYTEST)

# Test a real SLURM on this machine, as root: Debian's slurmctld, slurmd, slurmdbd, munge and mariadb-server.
test-slurm: .venv
	.venv/bin/python -m pytest tests/workflow/slurm $(if $(ONLY),-k $(ONLY))

# Kill a small demo at random moments until it has its scores, which must not change.
KILLS ?= 20
faults: .venv
	.venv/bin/python tests/workflow/faults/kills.py --kills $(KILLS) --goal results/small/scores.tsv \
		--configfile config/demo.yaml tests/workflow/faults/small.yaml

lint: .venv
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/python workflow/scripts/write_config.py --check
	PYTHONPATH=workflow/scripts .venv/bin/lint-imports --no-logo --no-cache
	.venv/bin/mypy
	.venv/bin/python -m pytest tests/test_sizes.py
	.venv/bin/snakefmt --check Snakefile workflow
	$(SNAKEMAKE) --lint --configfile config/demo.yaml

# Build README.md and docs/ as pages with search, site/html/README.html first; a broken link is an error.
site: .venv
	$(OWN)
	.venv/bin/python -m pip install --disable-pip-version-check -q -r envs/site.txt -c envs/lock.txt
	rm -rf site && mkdir -p site/source
	git ls-files -- '*.md' '*.cff' LICENSE config docs workflow/resources | tar -c -T - | tar -x -C site/source
	.venv/bin/zensical build --strict --clean

# Time every stage against its references and update docs/performance.md; LABEL is a label volume for the filter.
BENCH = .venv/bin/python benchmarks
bench: .venv
	$(OWN)
	.venv/bin/python -m pip install --disable-pip-version-check -q -r benchmarks/requirements.txt -c envs/lock.txt
	$(BENCH)/training.py --device cpu --threads 1 --slices 192 --rounds 5
	$(BENCH)/training.py --device cpu --threads 1 --size 256 --slices 48 --rounds 3 \
		--output benchmarks/results/training_large.json
	$(BENCH)/inference.py --device cpu --threads 1
	$(BENCH)/extraction.py
	$(BENCH)/scans.py --rounds 3
	$(BENCH)/postprocessing.py $(if $(LABEL),--label $(LABEL))
	$(BENCH)/tables.py

# Pin the newest versions that meet envs/requirements.txt.
lock:
	$(OWN)
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install -q -r envs/requirements.txt
	.venv/bin/python -m pip freeze | sed 's/+cpu$$//' > envs/lock.txt
	ln -sf ../../workflow/bin/kidney .venv/bin/kidney
	touch .venv/installed
