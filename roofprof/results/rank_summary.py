"""What an analysis over several ranks says of them as a whole: report.json's `ranks`."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RankLayer:
    """The time of one case, a layer where the case is one, on each rank."""

    report: str
    phase: str | None
    batch: int | None
    seq_len: int | None
    cache: str | None
    duration_ns: list[float | None]
    """By rank; None where a time of one of its ops is unknown, and of a missing rank."""
    slowest_rank: int | None
    """Its time is the layer's."""
    graph_duration_ns: list[float | None] = field(default_factory=list)
    """The same as replayed from a CUDA graph, each op its median call; empty where no graph was traced."""

    @property
    def slowest_ns(self) -> float | None:
        """The layer's time."""
        return None if self.slowest_rank is None else self.duration_ns[self.slowest_rank]

    @property
    def slowest_graph_ns(self) -> float | None:
        """The layer's time in a CUDA graph: None where that of a rank that was captured is unknown."""
        there = [rank for rank, ns in enumerate(self.duration_ns) if ns is not None]
        times = [self.graph_duration_ns[rank] for rank in there] if self.graph_duration_ns else []
        known = [ns for ns in times if ns is not None]
        return max(known) if known and len(known) == len(times) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSource:
    """Where one rank's numbers are from."""

    rank: int
    name: str
    launch_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSummary:
    """The ranks of a job."""

    count: int
    """Those of the job, missing ones included."""
    missing: list[int] = field(default_factory=list)
    sources: list[RankSource] = field(default_factory=list)
    layers: list[RankLayer] = field(default_factory=list)
    aligned: bool | None = None
    """Whether the traces' clocks could be aligned; None without traces of collectives."""
    clock_spread_ns: float | None = None
    """Median distance of a collective's end from where the aligned clocks put it."""

    def layer_of(
        self, report: str, phase: str | None, batch: int | None, seq_len: int | None, cache: str | None
    ) -> RankLayer | None:
        """One case over the ranks."""
        own = report, phase, batch, seq_len, cache
        return next((x for x in self.layers if (x.report, x.phase, x.batch, x.seq_len, x.cache) == own), None)

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)
