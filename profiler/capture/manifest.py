"""manifest.json: what was captured, how, and what of it is whole. docs/capture.md describes every key."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from roofprof import __version__
from roofprof.files import Json
from roofprof.profiler.capture.jobs import CapturePlan
from roofprof.profiler.run.backend import backends
from roofprof.profiler.run.directory import SCHEMA_VERSION
from roofprof.profiler.run.gpu import Gpu
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.record import RunRecord
from roofprof.profiler.run.secrets import Secrets
from roofprof.profiler.run.settled import NO_REGION, region_facts, settled_region
from roofprof.profiler.run.state import State

Document = Mapping[str, Json]
"""What the harness wrote of one phase, scrubbed."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A planned run that was not needed."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Course:
    """How a capture went, beside its runs."""

    state: State
    left_out: tuple[LeftOut, ...] = ()
    changes: tuple[str, ...] = ()
    """What was run in another way than planned, and why."""


def overall_state(records: Sequence[RunRecord], planned: int) -> State:
    """Complete when every planned run is; failed when no profiler that is required has a report."""
    if not any(record.file for record in records if record.backend.required):
        return "failed"
    complete = len(records) == planned and all(record.state == "complete" for record in records)
    return "complete" if complete else "partial"


def rows(records: Iterable[RunRecord], secrets: Secrets | None = None) -> dict[str, list[dict[str, Json]]]:
    """The runs of each profiler under its key, those of profilers that did not run too."""
    found: dict[str, list[dict[str, Json]]] = {backend.section: [] for backend in backends()}
    for record in records:
        row = record.as_dict()
        if secrets and record.cause:
            row["cause"] = secrets.scrub_text(record.cause)
        found[record.backend.section].append(row)
    return found


def build_manifest(
    plan: CapturePlan,
    gpu: Gpu,
    records: Sequence[RunRecord],
    harness: Mapping[str, Document],
    course: Course,
    secrets: Secrets,
) -> dict[str, Json]:
    """The manifest of a capture as far as it has come.

    Args:
        harness: what the harness wrote, by phase.
    """
    options = plan.options
    layer = not options.command
    cases = _cases(options, harness) if layer else []
    return {
        "schema_version": SCHEMA_VERSION,
        "roofprof": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "state": course.state,
        "workload": "layer" if layer else "command",
        "versions": _versions(harness.values()) | _own_versions(plan, gpu),
        "gpu": next((h["gpu"] for h in harness.values() if isinstance(h.get("gpu"), dict)), None),
        "nvtx_domain": next((h.get("nvtx_domain") for h in harness.values()), None),
        "recipe": next((c["recipe"] for c in cases), None),
        "cases": cases,
        "request": options.recorded() if layer else None,
        "seed": options.seed if layer else None,
        "repeats": options.repeats if layer else None,
        "only_some_ops": layer and options.only is not None,
        "rotate": options.rotate if layer else None,
        "skew": options.skew if layer else None,
        "chip": plan.chip,
        "plan_tested": plan.tested,
        "notes": list(plan.notes),
        "region": None if layer else _region(options, records, secrets),
        "changes": list(course.changes),
        "not_needed": [{"run": item.title, "reason": item.reason} for item in course.left_out],
        "command": options.recorded_command(),
        "merge": _merge(records),
        **rows(records, secrets),
    }


def _region(options: CaptureOptions, records: Sequence[RunRecord], secrets: Secrets) -> dict[str, Json]:
    """Which part of another workload was profiled, and how that was found out."""
    asked, used = options.wanted_region(), settled_region(options, records)
    seen = region_facts(records).get("profiler_regions")
    how = "asked" if asked.kind != "auto" else "trace" if seen or (seen == 0 and used.kind == "all") else "hint"
    return {
        "asked": secrets.scrub_text(str(asked)), "used": secrets.scrub_text(str(used)), "how": how,
        "warmup": options.warmup, "skip": options.skip, "count": options.count,
    }  # fmt: skip


def region_notes(options: CaptureOptions, records: Sequence[RunRecord]) -> list[str]:
    """What users should know of a region that they did not choose."""
    if not options.command or options.wanted_region().kind != "auto":
        return []
    if settled_region(options, records).kind == "api":
        return ["profiled between cudaProfilerStart and cudaProfilerStop, which the workload calls"]
    return [f"{NO_REGION}; loading, warm-up and autotuning are among it: see docs/capture.md, The region"]


def _merge(records: Iterable[RunRecord]) -> list[list[str]]:
    """Reports of the same launches: they are to be merged by range path, kernel, grid, block and ordinal."""
    groups: dict[str, list[str]] = {}
    for record in records:
        if record.file and record.job.merge:
            groups.setdefault(record.job.merge, []).append(record.file)
    return list(groups.values())


def _own_versions(plan: CapturePlan, gpu: Gpu) -> dict[str, Json]:
    tools = {part.backend.name: part.tool.version if part.tool else None for part in plan.parts}
    return {
        "gpu": gpu.name, "compute_capability": gpu.compute_capability, "driver": gpu.driver,
        **{backend.name: tools.get(backend.name) for backend in backends()},
    }  # fmt: skip


def _versions(documents: Iterable[Document]) -> dict[str, Json]:
    """CUDA, torch and kernel packages as the harness found them; a package that is not there is left out."""
    found: dict[str, Json] = {"cuda": None, "torch": None, "packages": {}}
    for document in documents:
        gpu, packages = document.get("gpu"), document.get("packages")
        if isinstance(gpu, dict):
            found["cuda"] = gpu.get("cuda_version")
        if isinstance(packages, dict):
            found["packages"] = {name: version for name, version in packages.items() if version}
            found["torch"] = packages.get("torch")
    return found


def _cases(options: CaptureOptions, harness: Mapping[str, Document]) -> list[Document]:
    """The cases as the harness ran them, or as they were asked for where it did not come to say."""
    found: list[Document] = []
    for phase in options.wanted_phases():
        told = harness.get(phase, {}).get("cases")
        ran = [_ran(case) for case in told if isinstance(case, dict)] if isinstance(told, list) else []
        found += ran or _asked(options, phase)
    return found


def _ran(case: Document) -> Document:
    """A case without its ops' shapes: those stand in the range names and in the harness's own file."""
    told = case.get("ops")
    ops = [op for op in told if isinstance(op, dict)] if isinstance(told, list) else []
    return {
        **{key: value for key, value in case.items() if key != "ops"},
        "implementations": {str(op["op"]): op["implementation"] for op in ops if op.get("implementation")},
        "not_run": {str(op["op"]): op["not_run"] for op in ops if op.get("not_run")},
        "untested": sorted({str(op["untested"]) for op in ops if op.get("untested")}),
    }


def _asked(options: CaptureOptions, phase: str) -> list[Document]:
    return [
        {
            "phase": c.phase, "batch": c.batch, "seq_len": c.seq_len, "layer": c.layer,
            "recipe": options.recipe, "tp": c.tp, "ep": c.ep, "experts": options.experts,
        }
        for c in options.cases()
        if c.phase == phase
    ]  # fmt: skip
