"""NVTX ranges of an nsys export."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formats.nsys import DOMAIN, NVTX, PROCESS_MASK, PUSH_POP, START_END
from roofprof.launches.attribution import DEFAULT_DOMAIN
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NULL, Integers, NsysTables, nullable
from roofprof.timeline.frames import RANGE_SCHEMA

_STYLES = pl.Series(["start_end", "push_pop"], dtype=pl.Categorical())
_COLUMNS = ("rowid", "start", "end", "eventType", "textId", "globalTid", "endGlobalTid", "domainId")


def read_ranges(tables: NsysTables, names: NsysNames) -> tuple[pl.DataFrame, list[Finding]]:
    """Every range, RANGE_SCHEMA, and what was odd about them."""
    data = tables.integers(NVTX, _COLUMNS)
    kind = data["eventType"]
    texts = tables.texts(NVTX, "text")
    domains, lost_domains = _domains(data, texts, names)
    is_range = np.isin(kind, PUSH_POP + START_END)
    backwards = is_range & (data["end"] != NULL) & (data["end"] < data["start"])
    unusable = is_range & ((data["start"] == NULL) | (data["globalTid"] == NULL))
    keep = np.flatnonzero(is_range & ~backwards & ~unusable)
    data = {c: v[keep] for c, v in data.items()}
    text = _texts(texts.gather(keep), data["textId"], names)
    losses = _Losses(
        backwards=int(backwards.sum()),
        unusable=int(unusable.sum()),
        nameless=text.null_count(),
        domains=lost_domains,
        without_domain=int((data["domainId"] == NULL).sum()),
    )
    end_tid = np.where(data["endGlobalTid"] == data["globalTid"], NULL, data["endGlobalTid"])
    frame = pl.DataFrame(
        {
            "range_id": data["rowid"],
            "domain": _domain_names(data, domains),
            "name": text.fill_null(""),
            "style": _STYLES.gather(np.isin(data["eventType"], PUSH_POP).astype(np.uint32)),
            "start_ns": data["start"],
            "end_ns": nullable(data["end"]),
            "global_tid": data["globalTid"],
            "end_global_tid": nullable(end_tid),
        },
        schema=RANGE_SCHEMA,
    )
    return frame, [*_findings(frame), *_loss_findings(losses)]


@dataclass(frozen=True, slots=True)
class _Losses:
    """Events that could not be used as they stand."""

    backwards: int
    unusable: int
    """Ranges without thread or start."""
    nameless: int
    domains: int
    """Domains without name, process or number."""
    without_domain: int
    """Ranges without a domain's number."""


def _texts(texts: pl.Series, text_ids: Integers, names: NsysNames) -> pl.Series:
    """Text where there is one, else the registered string; null without either."""
    if texts.null_count():
        texts = texts.zip_with(texts.is_not_null(), names.strings(text_ids))
    return texts


def _domains(data: dict[str, Integers], texts: pl.Series, names: NsysNames) -> tuple[dict[tuple[int, int], str], int]:
    """(globalPid, domainId) to the domain's name, as ids are each process's own; and how many cannot be told."""
    rows = np.flatnonzero(data["eventType"] == DOMAIN)
    labels = _texts(texts.gather(rows), data["textId"][rows], names).to_list()
    order = np.argsort(data["start"][rows], kind="stable")
    found: dict[tuple[int, int], str] = {}
    lost = 0
    for i in order:
        thread, number, label = int(data["globalTid"][rows[i]]), int(data["domainId"][rows[i]]), labels[i]
        if label is None or NULL in (thread, number):
            lost += 1
            continue
        found.setdefault((thread & PROCESS_MASK, number), label)
    return found, lost


def _domain_names(data: dict[str, Integers], domains: dict[tuple[int, int], str]) -> pl.Series:
    """The domain of each range; one that was never created by name keeps its number."""
    process, domain = data["globalTid"] & PROCESS_MASK, data["domainId"]
    if not len(domain):
        return pl.Series([], dtype=pl.Categorical())
    changes = np.flatnonzero((process[1:] != process[:-1]) | (domain[1:] != domain[:-1])) + 1
    firsts = np.concatenate([[0], changes])
    labels = []
    for pid, number in zip(process[firsts].tolist(), domain[firsts].tolist(), strict=True):
        default = DEFAULT_DOMAIN if number in (NULL, 0) else f"<domain {number}>"
        labels.append(domains.get((pid, number), default))
    lengths = np.diff(np.append(firsts, len(domain)))
    return pl.Series(labels, dtype=pl.Categorical()).gather(np.repeat(np.arange(len(firsts)), lengths))


def _findings(ranges: pl.DataFrame) -> list[Finding]:
    found = []
    if count := ranges["end_ns"].null_count():
        names = ranges.filter(pl.col("end_ns").is_null())["name"].unique().sort().head(5).to_list()
        found.append(
            Finding(
                "range-never-closed",
                Severity.DOUBTFUL,
                f"{count} NVTX ranges never close; they are taken to end with the trace's last NVTX event",
                "check that each push has its pop, and that the capture ends after the last op",
                values={"count": count, "names": names},
            )
        )
    across = ranges["end_global_tid"].count()
    if across:
        found.append(
            Finding(
                "range-across-threads",
                Severity.INFO,
                f"{across} NVTX ranges end on another thread than they start on: they hold for the whole process",
                values={"count": across},
            )
        )
    return found


def _loss_findings(losses: _Losses) -> list[Finding]:
    found = []
    if losses.backwards or losses.unusable:
        message = (
            f"{losses.backwards} NVTX ranges end before they start, {losses.unusable} have no thread or time: left out"
        )
        values = {"backwards": losses.backwards, "without_thread": losses.unusable}
        found.append(Finding("range-unusable", Severity.WARNING, message, values=values))
    if losses.nameless or losses.domains:
        message = (
            f"{losses.nameless} NVTX ranges and {losses.domains} NVTX domains have no name, "
            "or one that is not in the trace's strings"
        )
        values = {"ranges": losses.nameless, "domains": losses.domains}
        hint = "export the .nsys-rep again"
        found.append(Finding("name-unknown", Severity.WARNING, message, hint, values=values))
    if losses.without_domain:
        message = f"{losses.without_domain} NVTX ranges name no domain: they are taken for ranges of the default domain"
        found.append(
            Finding("range-without-domain", Severity.DOUBTFUL, message, values={"count": losses.without_domain})
        )
    return found
