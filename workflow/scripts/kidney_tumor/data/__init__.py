"""The cohort: its volumes on disk, its split, and the slices extracted from it."""
