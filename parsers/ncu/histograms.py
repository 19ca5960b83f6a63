"""Reads the histograms of opcodes of many launches: each distinct one once, for a kernel repeats itself."""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from roofprof.formats.ncu_rep_metrics import Ints, MetricError, Metrics
from roofprof.formats.ncu_rep_results import Texts, named_counts
from roofprof.formats.protobuf import Data, FramingError, Span
from roofprof.hardware.opcodes import THREAD_OPCODES, WARP_OPCODES, OpcodeWork, opcode_work

_KINDS = (WARP_OPCODES, THREAD_OPCODES)


class Histograms:
    """Those of one report.

    Args:
        data: the report's bytes.
        texts: decodes strings.
        ids: of each histogram's metric, the ids of its name.
    """

    def __init__(self, data: Data, texts: Texts, ids: Mapping[str, list[int]]) -> None:
        self._data, self._texts = data, texts
        self._kind_of_id = {name: kind for kind, metric in enumerate(_KINDS) for name in ids[metric]}
        self._known: dict[bytes, OpcodeWork] = {}

    def read(self, metrics: Metrics, chosen: Ints) -> list[OpcodeWork | None]:
        """What the histograms of some launches say; None for a launch that has none.

        Args:
            metrics: of all results that were read together.
            chosen: places of the launches among these.

        Raises:
            MetricError: one is damaged.
        """
        wanted = np.isin(metrics.name, list(self._kind_of_id)) & (metrics.value >= 0) & np.isin(metrics.result, chosen)
        held: dict[int, dict[int, Span]] = {}
        for at in np.flatnonzero(wanted).tolist():
            kind = self._kind_of_id[int(metrics.name[at])]
            held.setdefault(int(metrics.result[at]), {})[kind] = int(metrics.value[at]) - 1, int(metrics.end[at])
        return [self._work(result, held[result]) if result in held else None for result in chosen.tolist()]

    def _work(self, result: int, spans: Mapping[int, Span]) -> OpcodeWork:
        digest = blake2b(digest_size=16)
        for kind in sorted(spans):
            start, end = spans[kind]
            digest.update(bytes((kind,)) + self._data[start:end])
        key = digest.digest()
        if key not in self._known:
            try:
                counts = [
                    list(named_counts(self._data, *spans[kind], self._texts)) if kind in spans else []
                    for kind in (0, 1)
                ]
            except FramingError as error:
                raise MetricError(result, f"a histogram of opcodes: {error}") from None
            self._known[key] = opcode_work(*counts)
        return self._known[key]
