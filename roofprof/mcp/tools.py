"""The tools and their arguments, as clients see them: docstrings and descriptions are what a model reads."""

from typing import Annotated, Literal

from mcp.types import CallToolResult, TextContent
from pydantic import Field

from roofprof.changes.diff import DEFAULT_THRESHOLD
from roofprof.errors import UsageError
from roofprof.mcp.answers import Answer, Comparison, Explanation, Listing, TopOps
from roofprof.mcp.compare import compare
from roofprof.mcp.explain_op import explain_op
from roofprof.mcp.folders import Folders
from roofprof.mcp.listing import list_reports, listing_text
from roofprof.mcp.reading import Read, Reports
from roofprof.mcp.top_ops import Sort, top_ops

MAX_TOP = 100
_LONGEST = 4096

PathArgument = Annotated[str, Field(description="As list_reports gives it.", max_length=_LONGEST)]
OpArgument = Annotated[str, Field(description="Name of an op, as top_ops gives it.", max_length=_LONGEST)]
PhaseArgument = Annotated[str | None, Field(description="Keep cases of this phase: decode, prefill or another.")]
BatchArgument = Annotated[int | None, Field(description="Keep cases of this batch.")]
LengthArgument = Annotated[int | None, Field(description="Keep cases of this length: KV cache, or new tokens.")]
CacheArgument = Annotated[Literal["cold", "warm"] | None, Field(description="Keep cases of this state of L2.")]
GpuArgument = Annotated[
    str | None, Field(description="Target GPU for on_target, such as h200 or gb200-nvl72; same: the profiled one.")
]


class Tools:
    """What a server offers. Each answers with text for people and with typed data."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._reports = Reports(folders)

    def list_reports(
        self,
        contains: Annotated[str, Field(description="Keep paths that hold this text.", max_length=_LONGEST)] = "",
        top: Annotated[int, Field(description="How many at most.", ge=1, le=MAX_TOP)] = 50,
    ) -> Annotated[CallToolResult, Listing]:
        """List captures, ncu reports, saved analyses and nsys traces below the served folders, newest first."""
        listing = list_reports(self._folders, contains, top)
        return _answer(listing_text(listing), listing)

    def top_ops(
        self,
        path: PathArgument,
        sort: Annotated[Sort, Field(description="By potential savings, or by time.")] = "headroom",
        top: Annotated[int, Field(description="Ops of each case.", ge=1, le=MAX_TOP)] = 10,
        phase: PhaseArgument = None,
        batch: BatchArgument = None,
        seq_len: LengthArgument = None,
        cache: CacheArgument = None,
        gpu: GpuArgument = None,
    ) -> Annotated[CallToolResult, TopOps]:
        """Rank each case's ops by potential savings or time: share, fraction of roof, bound, why, what to try."""
        return _answer(*top_ops(self._read(path, phase, batch, seq_len, cache, gpu), sort, top))

    def explain_op(
        self,
        path: PathArgument,
        op: OpArgument,
        phase: PhaseArgument = None,
        batch: BatchArgument = None,
        seq_len: LengthArgument = None,
        cache: CacheArgument = None,
    ) -> Annotated[CallToolResult, Explanation]:
        """Give every figure of an op with unit and source, the formula beside it, its findings and its kernels."""
        return _answer(*explain_op(self._read(path, phase, batch, seq_len, cache), op))

    def compare(
        self,
        before: PathArgument,
        after: PathArgument,
        threshold: Annotated[
            float, Field(description="A change within this fraction is none: 0.03 is 3 %.", ge=0, lt=1)
        ] = DEFAULT_THRESHOLD,
        top: Annotated[int, Field(description="Ops, of largest change.", ge=1, le=MAX_TOP)] = 20,
    ) -> Annotated[CallToolResult, Comparison]:
        """Compare two analyses op by op: verdicts against a threshold, ratios, and what is not alike in them."""
        return _answer(*compare(self._reports.read(before), self._reports.read(after), threshold, top))

    def _read(
        self, path: str, phase: str | None, batch: int | None, seq_len: int | None, cache: str | None,
        gpu: str | None = None,
    ) -> Read:  # fmt: skip
        """An analysis, of the cases that were asked for."""
        found = self._reports.read(path, gpu)
        kept = found.report.filter(phase=phase, batch=batch, seq_len=seq_len, cache=cache)
        if found.report.rows and not kept.rows:
            raise UsageError(f"{path} has no such case", "top_ops without phase, batch, seq_len and cache names them")
        return Read(kept, found.notes)


def _answer(text: str, data: Answer) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=data.model_dump(mode="json")
    )
