"""What the figures show, read back from them."""

import matplotlib.colors
import pandas as pd

from kits import figures


def test_fig3_shows_each_dice_in_its_place(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(figures, "_save", lambda figure, paths: kept.append(figure))
    nan = float("nan")
    values = {
        ("before", "kidney_tumor"): [0.8, 0.9, 0.7],
        ("after", "kidney_tumor"): [0.95, 0.96, 0.97],
        ("before", "tumor"): [0.1, 0.0, 0.3],
        ("after", "tumor"): [0.5, nan, 0.6],
    }
    rows = [(f"case_{i}", *key, dice) for key, dices in values.items() for i, dice in enumerate(dices)]
    figures.plot_dice(pd.DataFrame(rows, columns=["case", "stage", "target", "dice"]), [tmp_path / "fig3.png"])
    for axis, target, title in zip(kept[0].axes, ("kidney_tumor", "tumor"), ("Kidney + tumor", "Tumor"), strict=True):
        assert axis.get_title() == title
        points = [line for line in axis.lines if line.get_marker() == "o"]
        for line, stage, colour in zip(points, ("before", "after"), ("tab:blue", "tab:red"), strict=True):
            expected = [dice for dice in values[stage, target] if dice == dice]
            assert line.get_ydata().tolist() == expected
            assert matplotlib.colors.same_color(line.get_color(), colour)
        labels = [label.get_text() for label in axis.get_xticklabels()]
        assert labels[0] == "before\npost-processing\n(n = 3)"
        assert labels[1] == f"after\npost-processing\n(n = {3 if target == 'kidney_tumor' else 2})"
