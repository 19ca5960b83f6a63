"""Names for what torch, cupy and the kernel packages give.

Type checkers see torch where it is installed; at run time the names stand for anything, so that nothing is imported.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor as Tensor
    from torch import dtype

    Dtype: TypeAlias = dtype
else:
    Tensor = Dtype = Any

Array: TypeAlias = Any
"""An array, scalar or compiled module of cupy."""
Output: TypeAlias = Any
"""What a kernel returns: a tensor, several of them, or nothing where it writes in place."""
Kernel: TypeAlias = Callable[..., Output]
"""A function or class of a kernel package; their signatures change from release to release."""
