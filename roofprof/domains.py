"""Which NVTX domain of a trace holds the ops: the rule of `attribution`, as an error where it cannot choose."""

from collections.abc import Collection

from roofprof.attribution import DEFAULT_DOMAIN
from roofprof.attribution import choose_domain as choose_among
from roofprof.errors import UsageError


def choose_domain(present: Collection[str], wanted: str | None = None) -> str | None:
    """The wanted domain, else `roofprof`, else the default domain, else the only one that has ranges.

    Args:
        present: domains that have ranges.
        wanted: what --domain says; "default" means the default domain too.

    Returns:
        A domain, or None where no range was recorded.

    Raises:
        UsageError: no such domain, or several and none of them ours or the default one.
    """
    listed = ", ".join(sorted(present)) or "none"
    name = DEFAULT_DOMAIN if wanted == "default" and wanted not in present else wanted
    chosen = choose_among(sorted(present), name)
    if chosen is None and wanted is not None:
        raise UsageError(f"no range is in NVTX domain {wanted!r}", f"domains with ranges: {listed}")
    if chosen is None and present:
        raise UsageError("ranges are in several NVTX domains", f"choose one with --domain: {listed}")
    return chosen
