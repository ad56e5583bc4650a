"""Kidney and tumor segmentation of KiTS19 CT volumes, after Paolucci (arXiv 2002.10727)."""

import gc
import signal
import sys
from pathlib import Path

# Python turns Ctrl-C into an exception, which is lost if it is raised while a library such as torch is being imported.
# So each script imports this package first, and Ctrl-C ends it at once, until `cli.run` handles it. Snakemake, or a
# notebook that imports the package, keeps what it does at Ctrl-C.
IS_SCRIPT = Path(sys.argv[0]).resolve() in Path(__file__).resolve().parents[1].glob("*.py")
if IS_SCRIPT and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# What is imported is no garbage. Without the search for it, which `cli.run` begins again, imports take a tenth less.
if IS_SCRIPT:
    gc.disable()
