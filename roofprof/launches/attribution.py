"""From launches to op calls: which NVTX range of which domain a launch belongs to."""

from collections.abc import Collection, Iterator

import polars as pl

from roofprof.errors import UsageError
from roofprof.findings import Finding, Severity
from roofprof.launches.schema import ATTRIBUTED_SCHEMA, check_schema

OWN_DOMAIN, DEFAULT_DOMAIN = "roofprof", "<default domain>"
OP_DOMAINS = (OWN_DOMAIN, DEFAULT_DOMAIN, "nsight-python")
"""Whose ranges are ops, the first that is there: nsight-python's annotations go before what libraries open."""
LIBRARY_DOMAINS = frozenset({"CCCL", "NCCL"})
"""What libraries open by themselves: where several have only these, nobody named an op, and kernels are the rows."""


def choose_domain(domains: list[str], wanted: str | None = None) -> str | None:
    """The domain whose ranges are ops: the first of `OP_DOMAINS`, else the only one that has ranges."""
    if wanted is not None:
        return wanted if wanted in domains else None
    known = next((domain for domain in OP_DOMAINS if domain in domains), None)
    return known or (domains[0] if len(domains) == 1 else None)


def attribute(launches: pl.DataFrame, domain: str | None = None) -> tuple[pl.DataFrame, list[Finding]]:
    """Add `nvtx_path` and `call` to the launches of any number of reports: once, where they are read.

    Args:
        launches: rows of `LAUNCH_SCHEMA`.
        domain: the NVTX domain to use; None chooses by `choose_domain` for each report.

    Returns:
        `ATTRIBUTED_SCHEMA` (`call` is equal for the launches of one instance of a range), and findings about the
        domain.
    """
    opened = _opened(launches)
    findings: list[Finding] = []
    chosen: dict[str, str] = {}
    for report in launches["report"].unique(maintain_order=True):
        domains = opened.filter(pl.col("report") == report)["domain"].unique(maintain_order=True).to_list()
        picked = choose_domain(domains, domain)
        findings += _domain_findings(report, domains, picked, domain)
        if picked is not None:
            chosen[report] = picked
    wanted = pl.DataFrame({"report": list(chosen), "domain": list(chosen.values())}, schema=["report", "domain"])
    wanted = wanted.cast({"report": pl.String, "domain": pl.String})
    stacks = opened.join(wanted, on=["report", "domain"]).select(
        "report",
        "launch_id",
        # A start/end range has no place in the stack: it counts only where no push/pop range is open.
        pl.when(pl.col("push_pop").list.len() > 0).then("push_pop").otherwise("start_end").alias("nvtx_path"),
        pl.when(pl.col("push_pop").list.len() > 0).then("push_pop_id").otherwise("start_end_id").alias("opened_at"),
    )
    joined = launches.join(stacks, on=["report", "launch_id"], how="left", maintain_order="left")
    return check_schema(_number_calls(joined), ATTRIBUTED_SCHEMA, "attribution"), findings


def domains_of(launches: pl.DataFrame, wanted: str | None = None) -> dict[str, str]:
    """The domain that `attribute` chose for each report; a report without ranges of it is left out."""
    pairs = _opened(launches).select("report", "domain").unique(maintain_order=True)
    domains: dict[str, list[str]] = {}
    for report, domain in pairs.iter_rows():
        domains.setdefault(report, []).append(domain)
    chosen = {report: choose_domain(found, wanted) for report, found in domains.items()}
    return {report: domain for report, domain in chosen.items() if domain is not None}


def _opened(launches: pl.DataFrame) -> pl.DataFrame:
    """One row per launch and domain in which ranges were open."""
    opened = launches.select("report", "launch_id", "nvtx").explode("nvtx", empty_as_null=True).unnest("nvtx")
    return opened.filter(pl.col("domain").is_not_null())


def _number_calls(launches: pl.DataFrame) -> pl.DataFrame:
    """Name the instance of each range: by where it opened, or by contiguous run where the file does not say.

    A result of range replay is one whole range, so it is an instance of its own.
    """
    opened_at = pl.col("opened_at").cast(pl.List(pl.String)).list.join(",")
    whole = pl.when(pl.col("workload_type") == "range").then(pl.col("launch_id")).otherwise(-1)
    run = pl.concat_str(pl.lit("run"), pl.struct("report", "nvtx_path", whole.alias("whole")).rle_id().cast(pl.String))
    process = pl.col("process_id").cast(pl.String).fill_null("")
    call = pl.concat_str(process, pl.coalesce(opened_at, run), separator=":")
    in_range = pl.col("nvtx_path").is_not_null()
    return launches.with_columns(pl.when(in_range).then(call).alias("call")).drop("opened_at")


def _domain_findings(report: str, domains: list[str], picked: str | None, wanted: str | None) -> Iterator[Finding]:
    if picked is not None or (not domains and wanted is None):
        return
    if wanted is not None:
        yield Finding(
            "domain-absent",
            Severity.WARNING,
            f"no launch lies in a range of domain {wanted!r}",
            f"domains with ranges: {', '.join(domains) or 'none'}",
            report=report,
            values={"domains": domains},
        )
        return
    yield Finding(
        "domain-ambiguous",
        Severity.WARNING,
        f"ranges in {len(domains)} domains and none is 'roofprof' or the default one: no launch was attributed",
        f"name one with --domain: {', '.join(domains)}",
        report=report,
        values={"domains": domains},
    )


def require_domain(present: Collection[str], wanted: str | None = None) -> str | None:
    """The wanted domain, else the first of `OP_DOMAINS`, else the only one that has ranges.

    Args:
        present: domains that have ranges.
        wanted: what --domain says; "default" means the default domain too.

    Returns:
        A domain, or None where no range was recorded, or several libraries' own alone.

    Raises:
        UsageError: no such domain, or several and none of `OP_DOMAINS` among them.
    """
    listed = ", ".join(sorted(present)) or "none"
    name = DEFAULT_DOMAIN if wanted == "default" and wanted not in present else wanted
    chosen = choose_domain(sorted(present), name)
    if chosen is None and wanted is not None:
        raise UsageError(f"no range is in NVTX domain {wanted!r}", f"domains with ranges: {listed}")
    if chosen is None and not LIBRARY_DOMAINS.issuperset(present):
        raise UsageError("ranges are in several NVTX domains", f"choose one with --domain: {listed}")
    return chosen
