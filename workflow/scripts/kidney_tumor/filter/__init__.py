"""The paper's statistical post-processing filter."""
