"""Ranks by the variables of their launchers."""

import pytest

from roofprof.errors import UsageError
from roofprof.profiler.ranks.place import RankPlace, find_place, nccl_record, rank_folder, tell_torch


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (
            {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"},
            RankPlace(5, 1, 8, "torchrun", 4),
        ),
        (
            {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2",
             "OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
            RankPlace(1, 1, 2, "Open MPI", 2),
        ),
        (
            {"SLURM_PROCID": "17", "SLURM_LOCALID": "1", "SLURM_NTASKS": "32", "SLURM_NTASKS_PER_NODE": "16(x2)"},
            RankPlace(17, 1, 32, "Slurm", 16),
        ),
        ({"PMI_RANK": "0", "PMI_SIZE": "4"}, RankPlace(0, 0, 4, "PMI")),
        # torchrun below Slurm
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "RANK": "9", "WORLD_SIZE": "16"}, RankPlace(9, 0, 16, "torchrun")),
    ],
)  # fmt: skip
def test_every_launcher(environment: dict[str, str], place: RankPlace) -> None:
    assert find_place(environment) == place


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "no launcher started this rank"),
        ({"RANK": "4", "WORLD_SIZE": "4"}, "torchrun says rank 4 of 4"),
        ({"RANK": "0"}, "WORLD_SIZE is None, not a number"),
        ({"SLURM_PROCID": "a", "SLURM_NTASKS": "4"}, "SLURM_PROCID is 'a'"),
    ],
)
def test_what_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_place(environment)


def test_folders_keep_their_order_beyond_a_thousand() -> None:
    assert [rank_folder(rank) for rank in (0, 12, 1023)] == ["rank000", "rank012", "rank1023"]


def test_each_run_of_one_start_has_a_port_of_its_own() -> None:
    env = {"MASTER_PORT": "29400", "MASTER_ADDR": "node1"}
    place = RankPlace(1, 1, 2, "torchrun", 2)
    ports = []
    for index in range(3):
        tell_torch(place, index, env)
        ports.append(env["MASTER_PORT"])
    assert ports == ["29400", "29401", "29402"]
    assert (env["MASTER_ADDR"], env["RANK"], env["WORLD_SIZE"]) == ("node1", "1", "2")
    assert env["TORCHELASTIC_USE_AGENT_STORE"] == "False"


def test_ranks_of_one_machine_meet_there() -> None:
    env: dict[str, str] = {}
    tell_torch(RankPlace(0, 0, 2, "Open MPI", 2), 0, env)
    assert (env["MASTER_ADDR"], env["MASTER_PORT"]) == ("127.0.0.1", "29500")
    env = {}
    tell_torch(RankPlace(0, 0, 4, "Slurm", 2), 1, env)
    assert "MASTER_ADDR" not in env


def test_what_is_recorded_of_nccl_names_no_machine() -> None:
    env = {"NCCL_ALGO": "Ring", "NCCL_NVLS_ENABLE": "0", "NCCL_SOCKET_IFNAME": "eth0", "NCCL_PROTO": "/home/me"}
    assert nccl_record(env) == {"nvls": "off", "variables": {"NCCL_ALGO": "Ring", "NCCL_NVLS_ENABLE": "0"}}
