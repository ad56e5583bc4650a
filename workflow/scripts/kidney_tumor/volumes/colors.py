"""The colors of kidney and tumor in figures, pages and files for other programs."""

LABEL_COLORS = {"kidney": "#3f9f8f", "tumor": "#e0653a"}
"""The color of each label, in the order of their numbers from 1 on: red, green and blue."""
PARTS = {name: [int(color[start : start + 2], 16) for start in (1, 3, 5)] for name, color in LABEL_COLORS.items()}
"""The same, 0 to 255 each."""
