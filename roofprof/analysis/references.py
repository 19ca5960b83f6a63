"""Which self-check and which measured roofs belong to which report: those of the same GPU and the same ncu."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from roofprof.analysis.op_roofline import References
from roofprof.findings import Finding, Severity
from roofprof.hardware.ceilings import Ceilings, completed, shipped_ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.profiled_gpu import Attributes

if TYPE_CHECKING:
    from roofprof.selfcheck.result import Selfcheck

NOT_APPLIED = "not-applied"
MEASURED_ROOFS = "measured roofs"


class ReportLike(Protocol):
    """What is asked of a report."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def devices(self) -> Mapping[str, Attributes]:
        """Its GPUs."""
        ...

    @property
    def selfcheck(self) -> "Selfcheck | None":
        """The one that was found for it."""
        ...

    @property
    def ncu_version(self) -> str | None:
        """Of its capture, where known."""
        ...

    @property
    def ceilings(self) -> Ceilings | None:
        """Its capture's own measured roofs."""
        ...


def references_of(
    reports: Sequence[ReportLike], gpus: Mapping[str, DeviceSpec], target: DeviceSpec, ceilings: Ceilings | None
) -> tuple[dict[str, References], list[Finding]]:
    """What each report's ops are held against, by report; a finding where something given does not fit.

    Measured roofs are those given, else the capture's own, else those that come with roofprof for such a GPU.
    """
    found: list[Finding] = []
    references = {}
    for report in reports:
        device = str(next(iter(report.devices.values()), {}).get("device_name") or "")
        check, own = report.selfcheck, report.ceilings or shipped_ceilings(device)
        roofs = completed(ceilings, own) if ceilings else report.ceilings
        if check and (why := _misfit(check, device, report.ncu_version)):
            found.append(_not_applied(report.name, "self-check", why))
            check = None
        if roofs and roofs.gpu != device:
            found.append(
                _not_applied(
                    report.name,
                    MEASURED_ROOFS,
                    f"they were measured on {roofs.gpu}, but this report is from {device}",
                )
            )
            roofs = None
        roofs = roofs or shipped_ceilings(device)
        if check:
            found += _unverified(report.name, check)
        references[report.name] = References(gpus[report.name], target, roofs, check)
    return references, found


def _misfit(check: "Selfcheck", device: str, ncu_version: str | None) -> str | None:
    if check.gpu != device:
        return f"it was measured on {check.gpu}, but this report is from {device}"
    if check.ncu and ncu_version and check.ncu != ncu_version:
        return f"it was measured with ncu {check.ncu}, but this report is from {ncu_version}"
    return None


def _not_applied(report: str, what: str, why: str) -> Finding:
    return Finding(
        NOT_APPLIED, Severity.DOUBTFUL, f"the {what} given is not applied: {why}",
        "make one on the profiled GPU", report=report, values={"what": what},
    )  # fmt: skip


def _unverified(report: str, check: "Selfcheck") -> list[Finding]:
    """What the self-check could not verify."""
    if not check.missing_counters:
        return []
    return [
        Finding(
            "counter-unverified", Severity.DOUBTFUL,
            f"the self-check has no value of {', '.join(check.missing_counters)}: they are not verified here", None,
            report=report, values={"counters": check.missing_counters},
        )
    ]  # fmt: skip
