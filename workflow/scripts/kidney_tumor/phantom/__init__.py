"""A phantom cohort: bodies in KiTS19's layout, alike or as varied as patients, and a clinical record for them."""
