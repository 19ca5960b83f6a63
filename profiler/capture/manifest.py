"""manifest.json: what was captured, how, and what of it is whole. docs/capture.md describes every key."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from roofprof import __version__
from roofprof.profiler.capture.options import CaptureOptions
from roofprof.profiler.ncu.plan import MetricPlan
from roofprof.profiler.ncu.record import RunRecord
from roofprof.profiler.nsys.record import NsysRecord
from roofprof.profiler.run.directory import SCHEMA_VERSION
from roofprof.profiler.run.gpu import Gpu
from roofprof.profiler.run.secrets import Secrets
from roofprof.profiler.run.state import State


def overall_state(runs: Sequence[RunRecord], traces: Sequence[NsysRecord], planned: int) -> State:
    """Complete when every planned run is, nsys' too; failed when no ncu run has a report."""
    if not any(run.report for run in runs):
        return "failed"
    states = [*(run.state for run in runs), *(trace.state for trace in traces)]
    return "complete" if len(states) == planned and set(states) == {"complete"} else "partial"


def build_manifest(
    options: CaptureOptions,
    plan: MetricPlan,
    gpu: Gpu,
    tools: Mapping[str, str | None],
    runs: Sequence[RunRecord],
    traces: Sequence[NsysRecord],
    harness: Mapping[str, Mapping[str, Any]],
    state: State,
    secrets: Secrets,
) -> dict[str, Any]:
    """The manifest of a capture as far as it has come.

    Args:
        tools: versions of ncu and nsys.
        harness: what the harness wrote, scrubbed, by phase.
    """
    layer = not options.command
    cases = _cases(options, harness) if layer else []
    own = {
        "gpu": gpu.name,
        "compute_capability": gpu.compute_capability,
        "driver": gpu.driver,
        "ncu": tools.get("ncu"),
        "nsys": tools.get("nsys"),
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "roofprof": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "state": state,
        "workload": "layer" if layer else "command",
        "versions": _versions(harness.values()) | own,
        "gpu": next((h["gpu"] for h in harness.values() if isinstance(h.get("gpu"), dict)), None),
        "nvtx_domain": next((h.get("nvtx_domain") for h in harness.values()), None),
        "recipe": next((c["recipe"] for c in cases), None),
        "cases": cases,
        "request": options.recorded(),
        "seed": options.seed if layer else None,
        "repeats": options.repeats if layer else None,
        "only_some_ops": layer and options.only is not None,
        "rotate": options.rotate if layer else None,
        "skew": options.skew if layer else None,
        "chip": plan.chip,
        "plan_tested": plan.tested,
        "notes": list(plan.notes),
        "command": options.recorded_command(),
        "runs": [_scrubbed(run, secrets) for run in runs],
        "merge": _merge(runs),
        "nsys": [_scrubbed(trace, secrets) for trace in traces],
    }


def _scrubbed(run: RunRecord | NsysRecord, secrets: Secrets) -> dict[str, Any]:
    return run.as_dict() | {"cause": run.cause and secrets.scrub_text(run.cause)}


def _merge(runs: Iterable[RunRecord]) -> list[list[str]]:
    """Reports of the same launches: they are to be merged by range path, kernel, grid, block and ordinal."""
    groups: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.report:
            groups.setdefault((run.phase, run.planned.cache), []).append(run.report)
    return list(groups.values())


def _versions(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """CUDA, torch and kernel packages as the harness found them; a package that is not there is left out."""
    found: dict[str, Any] = {"cuda": None, "torch": None, "packages": {}}
    for document in documents:
        gpu, packages = document.get("gpu"), document.get("packages")
        if isinstance(gpu, dict):
            found["cuda"] = gpu.get("cuda_version")
        if isinstance(packages, dict):
            found["packages"] = {name: version for name, version in packages.items() if version}
            found["torch"] = packages.get("torch")
    return found


def _cases(options: CaptureOptions, harness: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cases as the harness ran them, or as they were asked for where it did not come to say."""
    found = []
    for phase in options.wanted_phases():
        told = harness.get(phase, {}).get("cases")
        ran = [_ran(case) for case in told if isinstance(case, dict)] if isinstance(told, list) else []
        found += ran or _asked(options, phase)
    return found


def _ran(case: Mapping[str, Any]) -> dict[str, Any]:
    """A case without its ops' shapes: those stand in the range names and in the harness's own file."""
    ops = [op for op in case.get("ops", ()) if isinstance(op, dict)]
    return {
        **{key: value for key, value in case.items() if key != "ops"},
        "implementations": {op["op"]: op["implementation"] for op in ops if op.get("implementation")},
        "not_run": {op["op"]: op["not_run"] for op in ops if op.get("not_run")},
        "untested": sorted({str(op["untested"]) for op in ops if op.get("untested")}),
    }


def _asked(options: CaptureOptions, phase: str) -> list[dict[str, Any]]:
    return [
        {
            "phase": c.phase, "batch": c.batch, "seq_len": c.seq_len, "layer": c.layer,
            "recipe": options.recipe, "tp": c.tp, "ep": c.ep, "experts": options.experts,
        }
        for c in options.cases()
        if c.phase == phase
    ]  # fmt: skip
