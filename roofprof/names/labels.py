"""Labels of paths that people can tell apart."""

from collections import Counter
from collections.abc import Collection


def distinct_labels(paths: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A label for each key path: as many of its innermost names as it takes to be the only one."""
    depth = dict.fromkeys(paths, 1)
    while True:
        labels = {path: " / ".join(path[-count:]) for path, count in depth.items()}
        counts = Counter(labels.values())
        short = [path for path, label in labels.items() if counts[label] > 1 and depth[path] < len(path)]
        if not short:
            return labels
        for path in short:
            depth[path] += 1
