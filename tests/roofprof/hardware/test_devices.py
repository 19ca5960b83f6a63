"""GPU specifications: the bundled ones and a user's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.errors import RoofprofError, UsageError
from roofprof.hardware.devices import DeviceSpec, bundled_families, bundled_gpus, load_gpu, recognise_gpu
from roofprof.validate import built


def test_gb200_is_the_reference_document_and_says_so() -> None:
    gpu = load_gpu("gb200")
    assert {
        p: v / 1e12 for p, v in gpu.peak_flop_per_s.items() if p in ("tensor_fp4", "tensor_fp8", "tensor_fp16")
    } == {
        "tensor_fp4": 9000,
        "tensor_fp8": 4500,
        "tensor_fp16": 2250,
    }
    assert gpu.dram_bytes_per_s == 8000e9
    assert [gpu.ridge_point(p) for p in ("tensor_fp4", "tensor_fp8", "tensor_fp16")] == [1125, 562.5, 281.25]
    assert gpu.source == "figures of the reference document (HGX B200); NVIDIA's for GB200: gb200-nvl72"
    assert gpu.peak_flop_per_s["fp32"] == bundled_gpus()["b200"].peak_flop_per_s["fp32"]


def test_gb200_nvl72_is_nvidias() -> None:
    gpu = load_gpu("gb200-nvl72")
    assert [gpu.ridge_point(p) for p in ("tensor_fp4", "tensor_fp8", "tensor_bf16")] == [1250, 625, 312.5]


def test_all_named_gpus_are_there() -> None:
    """Names that scripts of users hold."""
    known = set(bundled_gpus())
    old = ["gb200", "gb200-nvl72", "b200", "gb300", "b300", "h100", "h200", "gh200", "h20", "a100", "l40s"]
    assert {*old, "rtx-pro-6000", "h100-pcie", "h200-nvl", "a100-pcie-40gb", "t4", "rtx-4090", "rtx-5090"} <= known
    assert len(known) == sum(len(specs) for specs in bundled_families().values())


def test_a_gpu_is_found_by_itself_and_a_name_that_is_none_is_not() -> None:
    families = [spec for specs in bundled_families().values() for spec in specs]
    assert list(bundled_gpus()) == [spec.name for spec in families]
    assert [bundled_gpus()[spec.name] for spec in families] == families
    assert "h1" not in bundled_gpus()
    assert "h100.peak_flop_per_s" not in bundled_gpus()


@pytest.mark.parametrize("name", bundled_gpus())
def test_each_gpu_has_a_source_and_no_sparse_peak(name: str) -> None:
    gpu = bundled_gpus()[name]
    assert len(gpu.source) > 20
    assert gpu.links_source or not (gpu.nvlink_bytes_per_s or gpu.pcie_bytes_per_s or gpu.nic_bytes_per_s)
    peaks = gpu.peak_flop_per_s
    # Dense tensor rates double from one precision to the next; a sparse figure among them would stand out.
    if "tensor_fp8" in peaks:
        assert peaks["tensor_fp8"] / peaks["tensor_bf16"] == pytest.approx(2, rel=0.02)
    if "tensor_bf16" in peaks:
        assert peaks["tensor_bf16"] == peaks["tensor_fp16"]
    assert built(DeviceSpec, gpu.as_dict()).peak_flop_per_s == peaks


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA H200 NVL", "h200-nvl"),
        ("NVIDIA GH200 480GB", "gh200"),
        ("NVIDIA GH200 144G HBM3e", "gh200-144gb"),
        ("NVIDIA GB200", "gb200-nvl72"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA B300 SXM6 AC", "b300"),
        ("NVIDIA H20", "h20"),
        ("NVIDIA H20-3e", "h20-3e"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("A100-SXM4-40GB", "a100-sxm-40gb"),
        ("NVIDIA A100-PCIE-40GB", "a100-pcie-40gb"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA A10G", "a10g"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40", "l40"),
        ("NVIDIA L40S", "l40s"),
        ("Tesla T4", "t4"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("GeForce RTX 2070", "rtx-2070"),
        ("NVIDIA GeForce RTX 2070", "rtx-2070"),
        ("NVIDIA GeForce RTX 3080", "rtx-3080"),
        ("NVIDIA GeForce RTX 3080 Ti", "rtx-3080-ti"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", "rtx-4070-ti-super"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000-server"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "rtx-pro-6000-max-q"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA GeForce RTX 3080 Laptop GPU", None),
        ("NVIDIA GeForce RTX 2080 with Max-Q Design", None),
        ("NVIDIA GeForce RTX 5090 D", None),
        ("NVIDIA RTX 6000D", None),
        ("NVIDIA H2000", None),
        ("NVIDIA", None),
        ("", None),
    ],
)
def test_a_display_name_means_the_right_sku_or_none(display: str, name: str | None) -> None:
    found = recognise_gpu(display)
    assert (found.name if found else None) == name


def test_of_two_cards_of_one_name_the_sms_decide() -> None:
    for sms, name in ((68, "rtx-3080"), (70, "rtx-3080-12gb"), (64, "rtx-3080"), (None, "rtx-3080")):
        found = recognise_gpu("NVIDIA GeForce RTX 3080", sms)
        assert found
        assert found.name == name


@given(
    st.sampled_from([name for gpu in bundled_gpus().values() for name in gpu.match]), st.text(min_size=1, max_size=8)
)
def test_a_name_with_anything_before_or_behind_it_is_another_gpu(name: str, more: str) -> None:
    known = {match for gpu in bundled_gpus().values() for match in gpu.match}
    for longer in (name + more, more + name):
        words = " ".join(longer.split())
        assert (recognise_gpu(words) is not None) == (words in known)


def test_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[my-h100]\nsku = "H100 NVL"\nsource = "our datasheet"\ninherits = "h100"\ndram_bytes_per_s = 3.9e12\n'
        "[my-h100.peak_flop_per_s]\ntensor_bf16 = 835e12\n"
    )
    gpu = load_gpu(str(path))
    assert (gpu.name, gpu.dram_bytes_per_s) == ("my-h100", 3.9e12)
    assert gpu.peak_flop_per_s["tensor_bf16"] == 835e12
    assert gpu.peak_flop_per_s["tensor_fp8"] == 1979e12


def test_own_figures_are_not_said_to_be_from_another_gpus_sheet(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\ninherits = "h100"\ndram_bytes_per_s = 3e12\n')
    gpu = load_gpu(str(path))
    assert (gpu.sku, gpu.dram_bytes_per_s) == ("mine", 3e12)
    assert gpu.source == f"own figures; what they leave out: {bundled_gpus()['h100'].source}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "not valid TOML"),
        ("", "holds no GPU"),
        ("x = 1", "x = 1: expected a table of one GPU"),
        ("[x]\ndram_bytes_per_s = 1e12", "x.peak_flop_per_s is missing"),
        ("[x]\ndram_bytes_per_s = 1e12\npeak_flop_per_s = { tensor_fp9 = 1e14 }", "unknown key 'tensor_fp9'; did you"),
        ("[x]\npeak_flop_per_s = { fp32 = 1e13 }", "x.dram_bytes_per_s is missing"),
        (
            "[x]\ndram_bytes_per_s = -1\npeak_flop_per_s = { fp32 = 1e13 }",
            "x.dram_bytes_per_s = -1: expected a positive",
        ),
        (
            "[x]\ndram_bytes_per_s = 1e12\nspeed = 9\npeak_flop_per_s = { fp32 = 1e13 }",
            "x: unknown key 'speed'; expected",
        ),
        ("[x]\ndram_byte_per_s = 1e12\npeak_flop_per_s = { fp32 = 1e13 }", "did you mean 'dram_bytes_per_s'"),
        ("[x]\ninherits = 'zz'\ndram_bytes_per_s = 1e12", "x.inherits = 'zz': expected a GPU"),
        ("[x]\ninherits = ['h100']\n", "x.inherits = an array: expected the name of a GPU"),
        ("[x]\ninherits = 'x'\ndram_bytes_per_s = 1e12", "x.inherits = 'x'"),
        ("[x]\ninherits = 'y'\n[y]\ninherits = 'x'", "x.inherits = 'y'"),
        (
            "[x]\ndram_bytes_per_s = 1e12\npeak_flop_per_s = { fp32 = 67 }",
            "fp32 = 67: expected a number from 1e[+]09 to 1e[+]19 FLOP/s",
        ),
        (
            "[x]\ndram_bytes_per_s = 3350\npeak_flop_per_s = { fp32 = 1e13 }",
            "3350: expected a number from 1e.09 to 1e.15",
        ),
        ("[x]\ninherits = 'h100'\nsm_count = inf", "x.sm_count = inf: expected a positive whole number"),
        ("[x]\ninherits = 'h100'\nsm_count = [1]", "x.sm_count = an array"),
        ("[x]\ninherits = 'h100'\nl2_cache_bytes = nan", "x.l2_cache_bytes = nan: expected a positive number"),
        ("[x]\ninherits = 'h100'\nmufu_per_s = 1" + "0" * 400, "x.mufu_per_s = a very large number"),
        ("[x]\ninherits = 'h100'\nsku = 5", "x.sku = 5: expected a text"),
        ("a = " + "[" * 5000, "not valid TOML: nested too deep"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RoofprofError, match=why):
        load_gpu(str(path))


def test_an_unknown_name_hints_at_the_near_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_gpu("gb2000")
    assert "did you mean gb200, " in (caught.value.hint or "")
    assert "roofprof gpus" in (caught.value.hint or "")
