"""Collectives: NCCL's own ranges (domain `NCCL`, `ncclAllReduce`, with a payload beside the name) and those that
torch.distributed writes round them (`nccl:all_reduce`, `nccl:_all_gather_base`, `nccl:send 0->1`).

Sources: our traces of torchrun on four GPUs; ProcessGroupNCCL.cpp; the NVTX ranges of nccl/src/collectives.cc.
"""

import re

from roofprof.names.name import Asked, Reading, ReadName

NAME = "nccl"

DOMAIN = "NCCL"
_OWN = re.compile(r"nccl[A-Z][A-Za-z]{2,40}")
_TORCH = re.compile(r"nccl:[A-Za-z_][A-Za-z0-9_ ]{0,60}(?:[0-9]+(?:->|<-)[0-9]+)?")


def read(text: str, asked: Asked) -> Reading | None:
    """A collective: it stands as it is."""
    if asked.domain != DOMAIN and not (text.startswith("nccl") and (_OWN.fullmatch(text) or _TORCH.fullmatch(text))):
        return None
    return Reading(ReadName(text, text, writer=NAME))
