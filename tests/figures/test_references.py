"""Published results: the table of them, and their place beside a run's Dice."""

import pandas as pd
import pytest
from conftest import ROOT
from helpers.drawings import scores

from kidney_tumor.figures.references import REFERENCE_COLUMNS, plot_references

TABLE = ROOT / "workflow" / "resources" / "references.tsv"
REFERENCES = pd.read_csv(TABLE, sep="\t")


def test_every_published_result_has_a_source_and_what_differs():
    assert set(REFERENCES.columns) == set(REFERENCE_COLUMNS)
    assert not REFERENCES[["method", "data", "source", "differs"]].isna().any(axis=None)
    assert REFERENCES["source"].str.contains(r"arXiv:\d{4}\.\d{5}|doi:10\.|github\.com/").all()
    values = REFERENCES[["kidney_tumor", "kidney", "tumor", "mean"]]
    assert values.notna().any(axis=1).all()
    assert ((values > 0.1) & (values < 1)).equals(values.notna())
    assert {line.count("\t") for line in TABLE.read_text().splitlines()} == {len(REFERENCE_COLUMNS) - 1}


def test_the_papers_row_is_its_claims():
    claims = pd.read_csv(ROOT / "workflow" / "resources" / "paper_claims.tsv", sep="\t").set_index("claim")["paper"]
    [paper] = [row for _, row in REFERENCES.iterrows() if "2002.10727" in row["source"]]
    for target in ("kidney_tumor", "tumor"):
        assert paper[target] == float(claims[f"mean Dice, {target}, after"])
    assert paper["cases"] == float(claims["test cases"])


def test_each_published_value_is_drawn_beside_the_run(drawn, tmp_path):
    """Twenty cases: Dice 2/3 and 1/3 after in turns, by hand. Means over targets are on neither axis."""
    cases = [(10, (5, 5), (5, 0)), (10, (10, 0), (2, 0))] * 10
    plot_references(scores(*cases), REFERENCES, False, [tmp_path / "r.png"])
    for axis, target in zip(drawn[0].axes, ("kidney_tumor", "tumor"), strict=True):
        [points] = [line.get_ydata() for line in axis.lines if line.get_marker() == "o"]
        assert points == pytest.approx([2 / 3, 1 / 3] * 10)
        published, mean = [line for line in axis.lines if line.get_marker() == "D"]
        assert mean.get_ydata() == pytest.approx(0.5)
        expected = REFERENCES.dropna(subset=target)
        assert published.get_ydata().tolist() == expected[target].tolist()
        assert len(expected) >= 3
        here, *names = [label.get_text() for label in axis.get_xticklabels()]
        assert here == "this run\n(n = 20)"
        assert [name.split("\n")[0] for name in names] == expected["method"].tolist()
        assert "published means,\nnot measured here" in [text.get_text() for text in axis.texts]
    assert drawn[0].axes[0].get_ylim() == drawn[0].axes[1].get_ylim()
    assert drawn[0].get_suptitle() == ""


@pytest.mark.parametrize(("phantom", "number"), [(True, 20), (False, 19)])
def test_nothing_published_stands_beside_phantoms_or_few_cases(drawn, tmp_path, phantom, number):
    plot_references(scores(*[(10, (5, 5), (5, 0))] * number), REFERENCES, phantom, [tmp_path / "r.png"])
    for axis in drawn[0].axes:
        assert sum(len(line.get_ydata()) for line in axis.lines if line.get_marker() == "D") == 1  # the run's own mean
        here = f"this run{', phantoms' if phantom else ''}\n(n = {number})"
        assert [label.get_text() for label in axis.get_xticklabels()] == [here]
    assert drawn[0].get_suptitle().startswith("PHANTOMS, not comparable" if phantom else "Fewer than 20 cases")
