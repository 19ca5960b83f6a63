"""roofprof gpus."""

from typing import Annotated

import typer


def gpus(
    name: Annotated[str | None, typer.Argument(help="Only GPUs whose name holds this, with their sources.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the GPUs that --gpu knows: dense peaks, bandwidth, ridge points, and where the figures are from."""
    from roofprof.errors import UsageError
    from roofprof.hardware.devices import bundled_families

    wanted = (name or "").lower()
    families = {
        heading: [spec for spec in specs if wanted in spec.name] for heading, specs in bundled_families().items()
    }
    families = {heading: specs for heading, specs in families.items() if specs}
    if not families:
        raise UsageError(f"no GPU's name holds {name!r}", "roofprof gpus lists them all")
    if as_json:
        import json

        specs = [spec.as_dict() | {"family": heading} for heading, specs in families.items() for spec in specs]
        print(json.dumps({"schema_version": 1, "gpus": specs}))
        return
    from roofprof.reports.tables.gpus import print_gpus

    print_gpus(families, details=name is not None)
