"""Quantised layouts: what is made can be undone."""

import pytest

torch = pytest.importorskip("torch")

from roofprof.harness.inputs.quantised import (  # noqa: E402
    Quantised,
    fp4_activation,
    fp4_values,
    fp8_activation,
    fp8_activation_values,
    fp8_tensor,
    fp8_weight_values,
    random_fp4_weight,
    random_fp8_weight,
    swizzle_scales,
    unswizzle_scales,
)


def relative_error(got, wanted):
    return float((got - wanted).norm() / wanted.norm())


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("column_major", [True, False])
def test_fp8_activation(column_major):
    x = torch.randn(5, 256)
    quantised = fp8_activation(x, column_major)
    assert quantised.scales.stride() == ((1, 5) if column_major else (2, 1))
    assert relative_error(fp8_activation_values(quantised), x) == pytest.approx(0.026, abs=0.004)


def test_fp8_tensor_reaches_the_largest_value():
    quantised = fp8_tensor(torch.randn(3, 5, 64))
    assert float(quantised.values.float().abs().max()) == 448


def test_fp8_weight_is_padded_with_zeros():
    weight = random_fp8_weight(2112, 512, "cpu", 2176)
    values = fp8_weight_values(weight)
    assert weight.scales.shape == (17, 4)
    assert float(values[:2112].std()) * 512**0.5 == pytest.approx(1, abs=0.05)
    assert not values[2112:].any()
    assert fp8_weight_values(Quantised(weight.values[:2112], weight.scales)).shape == (2112, 512)


def test_fp4_activation_and_weight():
    x = torch.randn(7, 512)
    assert relative_error(fp4_values(fp4_activation(x)), x) == pytest.approx(0.095, abs=0.01)
    assert float(fp4_values(random_fp4_weight(64, 4096, "cpu")).std()) * 64 == pytest.approx(1, abs=0.1)


def test_scale_tiles():
    """Row r, column c of a tile lies at byte (r % 32) * 16 + r // 32 * 4 + c."""
    scales = torch.arange(128 * 4, dtype=torch.int32).view(128, 4).remainder(251).to(torch.uint8)
    tile = swizzle_scales(scales).view(-1)
    assert all(tile[(r % 32) * 16 + r // 32 * 4 + c] == scales[r, c] for r in range(128) for c in range(4))
    odd = torch.randint(0, 255, (130, 9), dtype=torch.uint8)
    assert swizzle_scales(odd).shape == (256, 12)
    assert torch.equal(unswizzle_scales(swizzle_scales(odd), 130, 9), odd)
