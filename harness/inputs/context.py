"""What the inputs of one case share: device, sizes, routing, random numbers."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from roofprof.formulas.layer import HEADS, TOP_K, LayerCase
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.machine import Device
from roofprof.harness.inputs.rotation import Rotated, copies_needed
from roofprof.harness.inputs.routing import Place, Routing, draw_routing
from roofprof.harness.inputs.team import Team
from roofprof.harness.inputs.tensors import Dtype, Tensor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How inputs are drawn."""

    device: Device = "cuda"
    seed: int = 0
    skew: float = 0.0
    """Zipf exponent of the routing; 0 is uniform."""
    experts: int = 256
    """Experts to choose from, on all GPUs together."""
    l2_bytes: int = 0
    """L2 cache that weights must not stay in; 0 keeps one copy of each."""
    steps: int = 1
    """Calls that will be made of each op, warm-up included."""


class Context:
    """One case's device, sizes and random inputs."""

    def __init__(self, case: LayerCase, options: InputOptions, team: Team | None = None) -> None:
        self.case = case
        self.team = team
        self.options = options
        self.device: Device = options.device
        self.heads = HEADS // case.tp
        self._routing: Routing | None = None

    @property
    def tokens(self) -> int:
        """Tokens in the step, M."""
        return self.case.tokens

    @property
    def counts(self) -> Counts:
        """Counts of the routing; empty for a dense layer, which has none."""
        if self.case.layer == "dense":
            return Counts(self.options.experts, self.tokens, TOP_K, ())
        return self.routing.counts

    @property
    def routing(self) -> Routing:
        """The routing that every MoE op of the case shares, drawn once."""
        if self._routing is None:
            self.seed_for("routing")
            options, case = self.options, self.case
            place = Place(case.ep, case.tp, self.team.rank if self.team else 0)
            self._routing = draw_routing(case.tokens, options.experts, place, options.skew, self.device)
        return self._routing

    def seed_for(self, name: str) -> None:
        """Seed torch with the random seed and a name, so that inputs do not depend on what was made before."""
        import torch

        torch.manual_seed(zlib.crc32(f"{self.options.seed}:{name}".encode()))

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Normal bf16 numbers of the given standard deviation."""
        import torch

        return torch.randn(*shape, device=self.device, dtype=torch.bfloat16).mul_(scale)

    def empty(self, *shape: int, dtype: Dtype | None = None) -> Tensor:
        """Memory for an output, bf16 by default."""
        import torch

        return torch.empty(*shape, device=self.device, dtype=dtype or torch.bfloat16)

    def int32(self, values: Tensor) -> Tensor:
        """A contiguous int32 copy on the device."""
        return values.to(self.device).int().contiguous()

    def rotated(self, make: Callable[[], T], copy_bytes: float) -> Rotated[T]:
        """As many copies of a weight as keep it out of L2."""
        copies = copies_needed(copy_bytes, self.options.l2_bytes, self.options.steps)
        return Rotated([make() for _ in range(copies)])
