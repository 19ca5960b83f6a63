"""Reads the histograms of opcodes of many launches: each distinct one once, for a kernel repeats itself."""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from roofprof.formats.ncu_rep_layouts import Ints
from roofprof.formats.ncu_rep_metrics import MetricError, Metrics
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
        name_count: how many strings the report has.
    """

    def __init__(self, data: Data, texts: Texts, ids: Mapping[str, list[int]], name_count: int) -> None:
        self._data, self._texts = data, texts
        self._kinds = np.full(name_count, -1, np.int32)
        for kind, metric in enumerate(_KINDS):
            self._kinds[ids[metric]] = kind
        self._known: dict[bytes, OpcodeWork] = {}

    def read(self, metrics: Metrics, chosen: Ints) -> list[OpcodeWork | None]:
        """What the histograms of some launches say; None for a launch that has none.

        Args:
            metrics: of all results that were read together.
            chosen: places of the launches among these.

        Raises:
            MetricError: one is damaged.
        """
        held: dict[int, dict[int, Span]] = {}
        for part in metrics.parts:
            result, kind, value, end = part.spans(self._kinds)
            wanted = np.flatnonzero((value >= 0) & np.isin(result, chosen))
            for place, which, start, stop in zip(
                *(c[wanted].tolist() for c in (result, kind, value, end)), strict=True
            ):
                held.setdefault(place, {})[which] = start - 1, stop
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
