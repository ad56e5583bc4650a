"""A phantom cohort: bodies of ellipsoids in KiTS19's layout, and a clinical record for them."""
