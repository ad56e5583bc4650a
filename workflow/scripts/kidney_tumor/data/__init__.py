"""The cohort: its cases, split, slices, clinical record, and the segmentations of other methods."""
