"""The analysis of the results: scores, statistics, claims and morphometry."""
