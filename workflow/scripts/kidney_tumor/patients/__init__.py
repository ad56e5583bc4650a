"""The patients behind the cases: the sizes that the clinical record states, and their outcomes."""
