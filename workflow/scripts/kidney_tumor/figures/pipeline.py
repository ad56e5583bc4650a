"""The paper's Fig. 1: the pipeline, from the rules that ran."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx

from kidney_tumor.figures.style import save


def plot_pipeline(edges: Iterable[tuple[str, str]], paths: Sequence[Path]) -> None:
    """Draw rules in layers, each just above what first needs it; an arrow that longer ways imply is left out.

    Args:
        edges: Pairs of rules, of which the first makes what the second reads.
        paths: The files to write, .png or .svg.
    """
    graph = nx.transitive_reduction(nx.DiGraph(sorted(edges)))
    layers = list(nx.topological_generations(graph.reverse()))[::-1]
    places: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        above = {name: [places[needed][0] for needed in graph.predecessors(name)] or [0.0] for name in layer}
        ordered = sorted(layer, key=lambda name: (sum(above[name]) / len(above[name]), name))
        places |= {name: (2.2 * (number - (len(layer) - 1) / 2), -row) for number, name in enumerate(ordered)}
    figure, axis = plt.subplots(figsize=(7, 0.75 * len(layers) + 0.4), layout="constrained")
    box = {"boxstyle": "round,pad=0.4", "fc": "#eef3f8", "ec": "#4a6f94"}
    texts = {
        name: axis.text(*place, name.replace("_", " "), ha="center", va="center", fontsize=9, bbox=box)
        for name, place in places.items()
    }
    reach = max(abs(x) for x, _ in places.values()) + 1.2
    axis.set(xlim=(-reach, reach), ylim=(0.6 - len(layers), 0.5))
    axis.set_axis_off()
    figure.canvas.draw()  # only now do the boxes, at which arrows end, have a size
    for first, second in graph.edges:
        arrow = {"arrowstyle": "-|>", "color": "#4a6f94", "shrinkA": 1, "shrinkB": 1}
        arrow |= {"patchA": texts[first].get_bbox_patch(), "patchB": texts[second].get_bbox_patch()}
        bend = 0.25 if places[first][1] - places[second][1] > 1 else 0  # around the layers between
        axis.annotate("", places[second], places[first], arrowprops=arrow | {"connectionstyle": f"arc3,rad={bend}"})
    save(figure, paths)
