"""The paper's Fig. 1: the pipeline, from the rules that ran."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx

from kits.figures import save


def plot_pipeline(edges: Iterable[tuple[str, str]], paths: Sequence[Path]) -> None:
    """Draw rules in layers, each below all that it needs; an arrow that longer ways imply is left out.

    Args:
        edges: pairs of rules, the first makes what the second reads.
        paths: .png or .svg.
    """
    graph = nx.transitive_reduction(nx.DiGraph(sorted(edges)))
    layers = [sorted(layer) for layer in nx.topological_generations(graph)]
    places = {
        name: (2.2 * (number - (len(layer) - 1) / 2), -row)
        for row, layer in enumerate(layers)
        for number, name in enumerate(layer)
    }
    figure, axis = plt.subplots(figsize=(7, 0.75 * len(layers) + 0.4), layout="constrained")
    for name, place in places.items():
        box = {"boxstyle": "round,pad=0.4", "fc": "#eef3f8", "ec": "#4a6f94"}
        axis.text(*place, name.replace("_", " "), ha="center", va="center", fontsize=9, bbox=box, zorder=3)
    for first, second in graph.edges:
        skipped = places[first][1] - places[second][1] > 1
        axis.annotate(
            "", places[second], places[first],
            arrowprops={
                "arrowstyle": "-|>", "color": "#4a6f94", "shrinkA": 11, "shrinkB": 11,
                "connectionstyle": f"arc3,rad={0.25 if skipped else 0}",
            },
        )  # fmt: skip
    reach = max(abs(x) for x, _ in places.values()) + 1.2
    axis.set(xlim=(-reach, reach), ylim=(0.6 - len(layers), 0.5))
    axis.set_axis_off()
    save(figure, paths)
