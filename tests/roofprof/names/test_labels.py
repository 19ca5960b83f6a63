"""Labels of many paths."""

from roofprof.names.labels import distinct_labels
from roofprof.names.reading import read_path


def labels(*paths: tuple[str, ...]) -> list[str]:
    keys = [read_path(path).key for path in paths]
    found = distinct_labels(keys)
    return [found[key] for key in keys]


def hook(path: str, inputs: str) -> str:
    return f"{{'Module': '{path}', 'Inputs': {inputs}}}"


def test_the_innermost_label_is_enough_where_one_path_has_it() -> None:
    assert labels(("step 3", "model.layers.0", "model.layers.0.mlp.down_proj"), ("step 3", "lm_head")) == [
        "mlp.down_proj", "lm_head",
    ]  # fmt: skip


def test_sizes_tell_calls_of_one_module_apart() -> None:
    short, long = (
        hook("model.layers.0.self_attn.o_proj", "[[8, 64]]"),
        hook("model.layers.0.self_attn.o_proj", "[[9, 64]]"),
    )
    assert labels((short,), (long,)) == [
        "model.layers.{}.self_attn.o_proj [8, 64]", "model.layers.{}.self_attn.o_proj [9, 64]",
    ]  # fmt: skip


def test_the_ranges_around_tell_one_name_apart_and_those_that_all_share_do_not_stand_there() -> None:
    assert labels(
        ("run", "prefill", "attention", "aten::mm"), ("run", "decode", "attention", "aten::mm"), ("aten::mm",)
    ) == ["prefill / attention / aten::mm", "decode / attention / aten::mm", "aten::mm"]
    assert labels(("run", "prefill", "attention", "aten::mm"), ("run", "decode", "attention", "aten::mm")) == [
        "prefill / aten::mm", "decode / aten::mm",
    ]  # fmt: skip


def test_encoder_and_decoder_have_modules_of_one_name() -> None:
    assert labels(("encoder.layers.1.mlp.fc1",), ("decoder.layers.1.mlp.fc1",)) == [
        "encoder.layers.{}.mlp.fc1", "decoder.layers.{}.mlp.fc1",
    ]  # fmt: skip


def test_a_layer_that_is_its_own_op_shows_its_number() -> None:
    keys = [read_path((f"model.layers.{n}.mlp",), layers="each").key for n in (3, 4)]
    assert list(distinct_labels(keys).values()) == ["layers.3.mlp", "layers.4.mlp"]


def test_what_no_label_tells_apart_is_numbered() -> None:
    assert labels(("prefill", "mm"), ("decode", "mm"), ("prefill / mm",)) == [
        "prefill / mm", "decode / mm", "prefill / mm (2)",
    ]  # fmt: skip
    long = "x" * 300
    first, second = labels((long + "1" + long,), (long + "2" + long,))
    assert (len(first), second) == (200, f"{first} (2)")


def test_no_path_at_all_has_a_label_too() -> None:
    assert distinct_labels([(), ("a",)]) == {(): "", ("a",): "a"}
