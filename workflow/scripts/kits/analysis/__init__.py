"""What the results are: scores, statistics, claims, morphometry."""
