"""The cohort, from volumes on disk to slices."""
