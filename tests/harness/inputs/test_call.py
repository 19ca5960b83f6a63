"""The error of an output against its reference."""

import math

import pytest

torch = pytest.importorskip("torch")

from roofprof.harness.inputs.call import Call, error_of, relative_error  # noqa: E402


def test_the_error_is_the_norm_of_the_difference_over_that_of_the_reference():
    assert relative_error(torch.tensor([3.0, 4.5]), torch.tensor([3.0, 4.0])) == pytest.approx(0.1)
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0


def test_a_result_that_is_not_a_number_is_infinitely_wrong():
    assert math.isinf(relative_error(torch.tensor([float("nan"), 1.0]), torch.ones(2)))


def test_another_shape_is_refused_even_where_it_would_broadcast():
    with pytest.raises(ValueError, match=r"the result is \[1, 2\], the reference \[2\]"):
        relative_error(torch.ones(1, 2), torch.ones(2))


def test_the_largest_of_several_results_counts():
    call = Call(lambda step: None, lambda: (torch.ones(4), torch.ones(4)), results=tuple)
    assert error_of(call, (torch.ones(4), 1.5 * torch.ones(4))) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="argument"):
        error_of(call, (torch.ones(4),))


def test_a_check_of_its_own_replaces_the_comparison():
    call = Call(lambda step: None, tuple, error=lambda output: float(output))
    assert error_of(call, 0.25) == 0.25
