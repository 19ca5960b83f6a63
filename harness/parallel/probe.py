"""What torch says of the GPUs together, as JSON: `python -m roofprof.harness.parallel.probe`, for `roofprof doctor`."""

import json
import sys

from roofprof.harness.inputs.tensors import Output


def look() -> dict[str, object]:
    """GPUs, which of them reach which, and NCCL's version; `missing` says why nothing is known."""
    try:
        import torch
        import torch.distributed as dist
    except ImportError as error:
        return {"missing": f"torch does not import: {error}"}
    if not torch.cuda.is_available():
        return {"missing": "torch sees no GPU"}
    count = torch.cuda.device_count()
    reach = torch.cuda.can_device_access_peer
    cuda: Output = torch.cuda
    nccl = cuda.nccl.version() if dist.is_available() and dist.is_nccl_available() else None
    return {
        "count": count,
        "unreachable": [[a, b] for a in range(count) for b in range(count) if a != b and not reach(a, b)],
        "nccl": ".".join(map(str, nccl)) if isinstance(nccl, tuple) else nccl,
    }


def main() -> int:
    """Print what is found."""
    print(json.dumps(look()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
