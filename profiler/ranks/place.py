"""Which rank this process is, by the variables of its launcher."""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass

from roofprof.errors import UsageError
from roofprof.files import Json

MAX_RANKS = 65_536


@dataclass(frozen=True, slots=True)
class RankPlace:
    """One process among those that the launcher started."""

    rank: int
    local_rank: int
    """Among those of its machine: which GPU it has."""
    count: int
    launcher: str
    local_count: int | None = None
    """Ranks of this machine, where the launcher says."""

    @property
    def folder(self) -> str:
        """Name of its folder in a capture."""
        return rank_folder(self.rank)

    def as_dict(self) -> dict[str, Json]:
        """Plain data for the manifest."""
        return asdict(self)


def rank_folder(rank: int) -> str:
    """`rank000`: three digits, more where there are more ranks."""
    return f"rank{rank:03d}"


_LAUNCHERS = (
    ("torchrun", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    ("Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("Slurm", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"),
    ("PMI", "PMI_RANK", "MPI_LOCALRANKID", "PMI_SIZE", "MPI_LOCALNRANKS"),
)  # fmt: skip
"""Name, and the variables of rank, local rank, count and local count; the first launcher whose rank is set counts."""


def find_place(environment: Mapping[str, str] | None = None) -> RankPlace:
    """This process's place. torchrun's variables win: it may itself run below Slurm.

    Raises:
        UsageError: no launcher started it, or its variables contradict each other.
    """
    env = os.environ if environment is None else environment
    for launcher, rank, local, count, local_count in _LAUNCHERS:
        if rank in env:
            here = _number(env, local_count) if local_count in env else None
            place = RankPlace(
                _number(env, rank), _number(env, local) if local in env else 0, _number(env, count), launcher, here
            )
            if place.rank >= place.count or place.count > MAX_RANKS:
                message = f"{launcher} says rank {place.rank} of {place.count}"
                raise UsageError(message, f"{rank} counts from 0 up to {count} - 1")
            return place
    raise UsageError(
        "no launcher started this rank: none of RANK, OMPI_COMM_WORLD_RANK, SLURM_PROCID and PMI_RANK is set",
        "torchrun --nproc-per-node N --no-python -- roofprof rank -o DIR -- COMMAND, or roofprof capture --ranks N",
    )


def _number(env: Mapping[str, str], name: str) -> int:
    # Slurm writes 4(x2) where nodes have as many tasks each.
    text = env.get(name, "").partition("(")[0]
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{name} is {env.get(name)!r}, not a number", "the launcher sets it for each rank")
    return int(text)


def tell_torch(place: RankPlace, run_index: int, environment: MutableMapping[str, str] | None = None) -> None:
    """Set what torch.distributed reads, so that a workload finds its fellows under any launcher.

    Ranks of one machine meet at 127.0.0.1. A launcher starts the ranks once: where several runs follow each other,
    each has a port of its own, the launcher's and one more for each run before; rank 0 of the workload listens there.

    Args:
        run_index: how many runs this start of the launcher has done before.
    """
    env = os.environ if environment is None else environment
    env["RANK"], env["LOCAL_RANK"] = str(place.rank), str(place.local_rank)
    env["WORLD_SIZE"] = str(place.count)
    if place.local_count == place.count:
        env.setdefault("MASTER_ADDR", "127.0.0.1")
        env.setdefault("MASTER_PORT", "29500")
    base = env.setdefault("ROOFPROF_MASTER_PORT", env.get("MASTER_PORT", ""))
    env["ROOFPROF_RUN_INDEX"] = str(run_index)
    if run_index and base.isdigit():
        env["MASTER_PORT"] = str(int(base) + run_index)
        env["TORCHELASTIC_USE_AGENT_STORE"] = "False"  # torchrun's own store still holds the keys of the run before


_NCCL = (
    "NCCL_NVLS_ENABLE", "NCCL_ALGO", "NCCL_PROTO", "NCCL_MIN_NCHANNELS", "NCCL_MAX_NCHANNELS", "NCCL_P2P_DISABLE",
    "NCCL_P2P_LEVEL", "NCCL_SHM_DISABLE", "NCCL_CUMEM_ENABLE", "NCCL_COLLNET_ENABLE", "NCCL_NET_GDR_LEVEL",
)  # fmt: skip


def nccl_record(environment: Mapping[str, str] | None = None) -> dict[str, Json]:
    """What decides how NCCL moves bytes; texts that may name machines or paths are left out."""
    env = os.environ if environment is None else environment
    variables: dict[str, Json] = {
        name: env[name] for name in _NCCL if name in env and env[name].isascii() and env[name].isalnum()
    }
    return {"nvls": "off" if env.get("NCCL_NVLS_ENABLE") == "0" else "on where the GPUs can", "variables": variables}


def nvls_note(environment: Mapping[str, str] | None = None) -> str | None:
    """A note where sums may be made in the switch."""
    env = os.environ if environment is None else environment
    if env.get("NCCL_NVLS_ENABLE") == "0":
        return None
    return "NVLS is not off (NCCL_NVLS_ENABLE): sums made in the NVLink switch send other bytes than a ring's"
