"""Kidney and tumor segmentation of KiTS19 CT volumes, after Paolucci (arXiv 2002.10727)."""
