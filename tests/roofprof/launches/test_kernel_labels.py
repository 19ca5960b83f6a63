"""Labels of kernels: short, and distinct for distinct kernels."""

from hypothesis import given
from hypothesis import strategies as st

from roofprof.launches.kernel_labels import kernel_labels, shape_words

GEMM = "void lib::Kernel<lib::Gemm<lib::Shape<(int)128, (int){n}, (int)64>, lib::RowMajor>>(lib::Gemm<int>::Params)"


def test_a_function_is_called_by_its_name_and_the_classes_it_is_made_of() -> None:
    given_names = [
        ("saxpy", "saxpy(float *, int)"),
        ("tiling", "void tiling<(int)64, (bool)1, float>(int, const float *)"),
        ("old_style", "void old_style<int=32>(float*,float*)"),
        ("Kernel", GEMM.format(n=64)),
        ("each", "void at::native::<unnamed>::each<(int)4, at::native::AddFunctor<float>, std::array<char *, 2>>(int)"),
        ("", "ns::only_demangled<ns::Op>(int)"),
        ("triton_poi_fused_0", ""),
        # As ncu spells out vLLM's: what stands before the name need not be balanced.
        (
            "fused",
            "std::enable_if<T2>(int)0&&vllm::C<T1>::exists, void>::type vllm::fused<c10::BFloat16, (int)8>(T1 *)",
        ),
        ("", "std::enable_if<T2>(int)0&&vllm::C<T1>::exists, void>::type vllm::fused<c10::Half, (int)8>(T1 *)"),
    ]
    assert list(kernel_labels(given_names).values()) == [
        "saxpy", "tiling", "old_style", "Kernel<Gemm>", "each<AddFunctor, array>", "only_demangled<Op>",
        "triton_poi_fused_0", "fused<BFloat16>", "fused<Half>",
    ]  # fmt: skip


def test_templates_that_differ_are_told_apart_by_what_differs() -> None:
    names = [("Kernel", GEMM.format(n=64)), ("Kernel", GEMM.format(n=256)), ("other", "other()")]
    assert list(kernel_labels(names).values()) == ["Kernel<Gemm> [64]", "Kernel<Gemm> [256]", "other"]


def test_overloads_are_told_apart_by_their_parameters_and_namespaces_by_a_number() -> None:
    names = [("f", "f(float *)"), ("f", "f(double *)"), ("g", "a::g(int)"), ("g", "b::g(int)")]
    assert list(kernel_labels(names).values()) == ["f(float *)", "f(double *)", "g(int)", "g(int) #2"]


pieces = st.sampled_from(
    ["f", "g", "ns::", "<", ">", "(", ")", "int", "(int)4", ", ", "::", " ", "*", "->", "{", "}", ""]
)
names = st.tuples(st.sampled_from(["f", "g", ""]), st.lists(pieces, max_size=12).map("".join))


@given(st.lists(names, max_size=12))
def test_any_names_get_distinct_labels(functions: list[tuple[str, str]]) -> None:
    labels = kernel_labels(functions)
    assert set(labels) == set(functions)
    assert len(set(labels.values())) == len(labels)


def test_shapes_leave_trailing_ones_out() -> None:
    assert shape_words([128, 4, 1], [256, 1, 1]) == "(128,4)x(256)"
    assert shape_words([1, 1, 1], None) == "(1)x(?)"
