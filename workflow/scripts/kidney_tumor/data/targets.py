"""The names of what is segmented. This module imports nothing heavy, since the Snakefile imports it."""

NETWORKS = ("kidney", "tumor")
"""The two networks, by the names of their models and raw masks under `results/`."""

TARGETS = ("kidney_tumor", "tumor")
"""What each network segments, in the same order and by the names in tables: kidney and tumor together, and tumor."""
