"""Real names of each writer, and what they say: name, key, label, layer, step, op, formula and shape."""

from typing import NamedTuple


class Real(NamedTuple):
    name: str
    key: str
    label: str
    op: str | None = None
    """None where it is the label."""
    layer: int | None = None
    step: int | None = None
    formula: str | None = None
    shape: dict[str, int | float | str] = {}  # noqa: RUF012


def hook(module: str, rest: str = "") -> str:
    return f"{{'Module': '{module}'{rest}}}"


EMIT_NVTX = (
    Real(
        "aten::mm, seq = 5, op_id = 7, sizes = [[64, 7168], [7168, 2112]]",
        "aten::mm, sizes = [[64, 7168], [7168, 2112]]",
        "aten::mm [64, 7168] x [7168, 2112]",
        formula="gemm", shape={"m": 64, "n": 2112, "k": 7168},
    ),
    Real(
        "aten::linear, op_id = 97, sizes = [[8, 1, 4096], [1024, 4096], []], input_op_ids = [(72,0), (0,-1), (0,-1)]",
        "aten::linear, sizes = [[8, 1, 4096], [1024, 4096], []]",
        "aten::linear [8, 1, 4096] x [1024, 4096]",
        formula="gemm", shape={"m": 8, "n": 1024, "k": 4096},
    ),
    Real(
        "aten::matmul, op_id = 89, sizes = [[8, 1, 4096], [4096, 1024]], input_op_ids = [(72,0), (86,0)]",
        "aten::matmul, sizes = [[8, 1, 4096], [4096, 1024]]",
        "aten::matmul [8, 1, 4096] x [4096, 1024]",
        formula="gemm", shape={"m": 8, "n": 1024, "k": 4096},
    ),
    Real(
        "aten::bmm, op_id = 40, sizes = [[128, 8, 128], [128, 128, 512]], input_op_ids = [(34,0), (38,0)]",
        "aten::bmm, sizes = [[128, 8, 128], [128, 128, 512]]",
        "aten::bmm [128, 8, 128] x [128, 128, 512]",
        formula="bmm", shape={"h": 128, "m": 8, "n": 512, "k": 128},
    ),
    Real(
        "aten::matmul, sizes = [[2, 32, 1, 128], [2, 32, 128, 131]]",
        "aten::matmul, sizes = [[2, 32, 1, 128], [2, 32, 128, 131]]",
        "aten::matmul [2, 32, 1, 128] x [2, 32, 128, 131]",
        formula="bmm", shape={"h": 64, "m": 1, "n": 131, "k": 128},
    ),
    Real(
        "aten::addmm, seq = 3, op_id = 12, sizes = [[2112], [64, 7168], [7168, 2112], [], []]",
        "aten::addmm, sizes = [[2112], [64, 7168], [7168, 2112], [], []]",
        "aten::addmm [2112] x [64, 7168] x [7168, 2112]",
        formula="gemm", shape={"m": 64, "n": 2112, "k": 7168},
    ),
    Real(
        "aten::_scaled_mm, op_id = 4, sizes = [[16, 512], [512, 256], [], [], [], [], [], []]",
        "aten::_scaled_mm, sizes = [[16, 512], [512, 256], [], [], [], [], [], []]",
        "aten::_scaled_mm [16, 512] x [512, 256]",
        formula="gemm", shape={"m": 16, "n": 256, "k": 512},
    ),
    Real(
        "aten::rms_norm, seq = 1, op_id = 2, sizes = [[8, 1, 4096], [], [4096], []]",
        "aten::rms_norm, sizes = [[8, 1, 4096], [], [4096], []]",
        "aten::rms_norm [8, 1, 4096], [4096]",
        formula="rmsnorm", shape={"m": 8, "d": 4096},
    ),
    Real(
        "aten::add, op_id = 153, sizes = [[8, 1, 4096], [8, 1, 4096], []], input_op_ids = [(4,0), (144,0), (0,-1)]",
        "aten::add, sizes = [[8, 1, 4096], [8, 1, 4096], []]",
        "aten::add [8, 1, 4096], [8, 1, 4096]",
    ),
    Real("aten::empty, op_id = 8, sizes = [[], []], input_op_ids = [(0,-1), (0,-1)]",
         "aten::empty, sizes = [[], []]", "aten::empty"),
    Real("aten::mm, op_id = 9, seq = 9", "aten::mm", "aten::mm"),
    Real("AddmmBackward0, seq = 596, op_id = 1719", "AddmmBackward0", "AddmmBackward0"),
    Real("autograd::engine::evaluate_function: MmBackward0, seq = 811, op_id = 3",
         "autograd::engine::evaluate_function: MmBackward0", "autograd::engine::evaluate_function: MmBackward0"),
    Real("decode step 12, op_id = 1719", "decode step {}", "decode step {}", step=12),
    Real("model.layers.3.self_attn.o_proj, op_id = 44", "model.layers.{}.self_attn.o_proj", "self_attn.o_proj",
         "o_proj", layer=3),
    # Cut off by the profiler: the sizes that are left tell nothing.
    Real("aten::mm, seq = 5, op_id = 7, sizes = [[64, 7168], [71", "aten::mm, sizes = [[64, 7168], [71", "aten::mm"),
    # Not a product of these two: the inner sizes differ, a batch broadcasts, a tensor is empty.
    Real("aten::mm, sizes = [[64, 7168], [7169, 2112]]", "aten::mm, sizes = [[64, 7168], [7169, 2112]]",
         "aten::mm [64, 7168] x [7169, 2112]"),
    Real("aten::matmul, sizes = [[8, 1, 4, 64], [1, 64, 9]]", "aten::matmul, sizes = [[8, 1, 4, 64], [1, 64, 9]]",
         "aten::matmul [8, 1, 4, 64] x [1, 64, 9]"),
    Real("aten::mm, sizes = [[0, 64], [64, 9]]", "aten::mm, sizes = [[0, 64], [64, 9]]", "aten::mm [0, 64] x [64, 9]"),
)  # fmt: skip

_O_PROJ = ", 'TrainableParams': {'weight': [7168, 16384]}, 'Inputs': [[8, 16384]]"
_FP8 = ", 'TrainableParams': {'weight': [24576, 1536], 'weight_scale_inv': [192, 12]}, 'Inputs': [[2048, 1536]]"
_3D = ", 'TrainableParams': {'weight': [24576, 1536]}, 'Inputs': [[8, 1, 1536]]"
_PACKED = ", 'TrainableParams': {'weight': [7168, 8192]}, 'Inputs': [[8, 16384]]"
_TURNED = ", 'TrainableParams': {'weight': [16384, 7168]}, 'Inputs': [[8, 16384]]"
_GATE = ", 'TrainableParams': {'weight': [32, 7168], 'e_score_correction_bias': [32]}, 'Inputs': [[8, 7168]]"
_NORM = ", 'TrainableParams': {'weight': [7168]}, 'Inputs': [[8, 7168]"
_ROPE = ", 'Inputs': [[8], [8, 128, 64], [8, 1, 64]]"
_EXPERTS = (
    ", 'TrainableParams': {'w13_weight': [32, 4096, 7168], 'w2_weight': [32, 7168, 2048]}, "
    "'Inputs': [[8, 7168], [8, 8], [8, 8], [8, 32]]"
)
_STATIC = (
    ", 'TrainableParams': {'weight': [30, 20], 'bias': [30]}, 'Inputs': [[2, 5, 20]], "
    "'StaticParams': {'in_features': 20, 'out_features': 30}"
)


def _layerwise(path: str, rest: str, label: str, op: str | None, layer: int | None = 1,
               formula: str | None = None, **shape: int) -> Real:  # fmt: skip
    folded = (
        path.replace(f"layers.{layer}.", "layers.{}.")
        .replace("blocks.5.", "blocks.{}.")
        .replace("experts.7.", "experts.{}.")
    )
    return Real(hook(path, rest), hook(folded, rest), label, op, layer, None, formula, dict(shape))


LAYERWISE = (
    _layerwise("model.model.layers.1.self_attn.o_proj", _O_PROJ, "self_attn.o_proj", "o_proj",
               formula="gemm", m=8, n=7168, k=16384),
    _layerwise("model.model.layers.1.self_attn.q_b_proj", _FP8, "self_attn.q_b_proj", "q_b_proj",
               formula="gemm", m=2048, n=24576, k=1536),
    _layerwise("model.layers.1.self_attn.q_b_proj", _3D, "self_attn.q_b_proj", "q_b_proj",
               formula="gemm", m=8, n=24576, k=1536),
    _layerwise("model.layers.1.self_attn.o_proj", _PACKED, "self_attn.o_proj", "o_proj",
               formula="gemm", m=8, n=7168, k=16384),
    _layerwise("model.layers.1.self_attn.o_proj", _TURNED, "self_attn.o_proj", "o_proj",
               formula="gemm", m=8, n=7168, k=16384),
    _layerwise("model.model.layers.1.mlp.gate", _GATE, "mlp.gate", "router_gemm", formula="gemm", m=8, n=32, k=7168),
    _layerwise("model.model.layers.1.input_layernorm", _NORM + "]", "input_layernorm", "input_layernorm",
               formula="rmsnorm", m=8, d=7168),
    _layerwise("model.model.layers.1.input_layernorm", _NORM + ", [8, 7168]]", "input_layernorm", "input_layernorm",
               formula="add_rmsnorm", m=8, d=7168),
    _layerwise("model.model.layers.1.self_attn.rotary_emb", _ROPE, "self_attn.rotary_emb", "rope",
               formula="rope", m=8, h=128),
    _layerwise("model.model.layers.1.mlp.experts", _EXPERTS, "mlp.experts", "moe_experts"),
    _layerwise("vision.blocks.5.mlp.fc1", _STATIC, "mlp.fc1", None, 5, formula="gemm", m=10, n=30, k=20),
    _layerwise("model.model.layers.1.self_attn", "", "self_attn", None),
    _layerwise("model.model", ", 'Inputs': [[8], [8]]", "model.model", None, None),
    _layerwise("model.model.embed_tokens", ", 'TrainableParams': {'weight': [16384, 7168]}, 'Inputs': [[8, 7168]]",
               "model.model.embed_tokens", "embed_tokens", None),
    _layerwise("model.model.layers.1.self_attn.q_norm", ", 'TrainableParams': {'weight': [128]}, "
               "'Inputs': [[8, 32, 128]]", "self_attn.q_norm", "q_norm", formula="rmsnorm", m=256, d=128),
    _layerwise("model.layers.1.self_attn.qkv_proj", ", 'TrainableParams': {'weight': [6144, 4096]}, "
               "'Inputs': [[8, 4096]]", "self_attn.qkv_proj", "qkv_proj", formula="gemm", m=8, n=6144, k=4096),
    _layerwise("model.layers.1.mlp.gate_up_proj", ", 'TrainableParams': {'weight': [28672, 4096]}, "
               "'Inputs': [[8, 4096]]", "mlp.gate_up_proj", "dense_gate_up", formula="gemm", m=8, n=28672, k=4096),
    _layerwise("top.model.layers.1.mlp.experts.7.down_proj", ", 'TrainableParams': {'weight': [4096, 1536]}, "
               "'Inputs': [[3, 1536]]", "mlp.experts.{}.down_proj", None, formula="gemm", m=3, n=4096, k=1536),
    # Weights of 4 bits as GPTQ, AWQ and Marlin pack them, eight to an int32; of 8 bits they do not fit.
    *(_layerwise("model.layers.1.self_attn.qkv_proj", f", 'TrainableParams': {{'qweight': {packed}, "
                 "'qzeros': [32, 768], 'scales': [32, 6144]}, 'Inputs': [[8, 4096]]", "self_attn.qkv_proj", "qkv_proj",
                 formula="gemm_w4", m=8, n=6144, k=4096, g=128)
      for packed in ("[512, 6144]", "[4096, 768]", "[256, 12288]")),
    _layerwise("model.layers.1.self_attn.qkv_proj", ", 'TrainableParams': {'qweight': [1024, 6144], "
               "'scales': [32, 6144]}, 'Inputs': [[8, 4096]]", "self_attn.qkv_proj", "qkv_proj"),
    _layerwise("model.layers.1.mlp.router", ", 'TrainableParams': {'weight': [128, 2880], 'bias': [128]}, "
               "'Inputs': [[8, 2880]]", "mlp.router", "router_gemm", formula="gemm", m=8, n=128, k=2880),
    # Two FP4 numbers to a byte, or a weight that lies the other way round: both would fit, and differ.
    _layerwise("model.layers.1.self_attn.o_proj", ", 'TrainableParams': {'weight': [4096, 2048]}, "
               "'Inputs': [[8, 4096]]", "self_attn.o_proj", "o_proj"),
    # Inputs alone give no n.
    _layerwise("model.layers.1.self_attn.q_b_proj", ", 'Inputs': [[64, 1536]]", "self_attn.q_b_proj", "q_b_proj"),
    # LayerNorm, by its bias, is no RMSNorm.
    _layerwise("gpt_neox.layers.1.input_layernorm", ", 'TrainableParams': {'weight': [64], 'bias': [64]}, "
               "'Inputs': [[8, 64]]", "input_layernorm", "input_layernorm"),
    _layerwise("model.layers.1.self_attn.o_proj", ", 'TrainableParams': {'weight': [7168, 16]}, 'Inputs': [[8, 17]]",
               "self_attn.o_proj", "o_proj"),
    Real("{'Module': 'model.layers.1.self_attn.o_proj', 'TrainableParams': {'weight': [7168, 16384]}, 'Inputs': [[8, 1",
         "{'Module': 'model.layers.{}.self_attn.o_proj', 'TrainableParams': {'weight': [7168, 16384]}, "
         "'Inputs': [[8, 1", "self_attn.o_proj", "o_proj", 1),
    Real("{'Module': 'model.layers.1.self_attn.o_pr", "{'Module': 'model.layers.{}.self_attn.o_pr", "self_attn.o_pr",
         layer=1),
)  # fmt: skip

XLA = (
    Real("XlaModule:#prefix=jit(mlp)/jit(main),hlo_module=jit_mlp,program_id=3#",
         "XlaModule:#prefix=jit(mlp)/jit(main),hlo_module=jit_mlp#", "jit_mlp"),
    Real("TSL:XlaModule:#hlo_module=jit_fn,program_id=1#", "XlaModule:#hlo_module=jit_fn#", "jit_fn"),
    Real("Thunk:#name=gemm.1,hlo_op=custom-call.1#", "Thunk:#name=gemm.1,hlo_op=custom-call.1#",
         "gemm.1 (custom-call.1)"),
    Real("Thunk:#hlo_op=fusion.3,unique_hlo_op_id=812#", "Thunk:#hlo_op=fusion.3#", "fusion.3"),
    Real("Thunk:#name=while/body/transpose[permutation=(1, 0)],hlo_op=custom-call.49#",
         "Thunk:#name=while/body/transpose[permutation=(1, 0)],hlo_op=custom-call.49#",
         "while/body/transpose[permutation=(1, 0)] (custom-call.49)"),
    Real("TSL:XlaCompileBackend:#module=jit_f,program_id=9#", "XlaCompileBackend:#module=jit_f#",
         "XlaCompileBackend jit_f"),
)  # fmt: skip

STEPS = (
    Real("[Executor] _forward_step 7: 0 ctx reqs, 64 gen reqs", "[Executor] _forward_step {}: 0 ctx reqs, 64 gen reqs",
         "[Executor] _forward_step: 0 ctx reqs, 64 gen reqs", step=7),
    Real("[Executor] _forward_step 60000: 0 ctx reqs, 0 ctx tokens, 32 gen reqs",
         "[Executor] _forward_step {}: 0 ctx reqs, 0 ctx tokens, 32 gen reqs",
         "[Executor] _forward_step: 0 ctx reqs, 0 ctx tokens, 32 gen reqs", step=60000),
    Real("[Executor] _forward_step: 1 ctx reqs, 0 gen reqs", "[Executor] _forward_step: 1 ctx reqs, 0 gen reqs",
         "[Executor] _forward_step: 1 ctx reqs, 0 gen reqs"),
    Real("step[DECODE bs=2]", "step[DECODE bs=2]", "step[DECODE bs=2]"),
    Real("step[DECODE bs=2 g_sqsq=2 g_sqsk=30 g_sk=30]", "step[DECODE bs=2]", "step[DECODE bs=2]"),
    Real("step[EXTEND bs=2 toks=12 c_sqsq=80 c_sqsk=120 c_sk=20]", "step[EXTEND bs=2 toks=12]",
         "step[EXTEND bs=2 toks=12]"),
    Real("step[MIXED bs=2 c=1 g=1 c_sq=5 c_sk=8 c_sqsq=25 c_sqsk=40 g_sq=1 g_sk=12 g_sqsq=1 g_sqsk=12]",
         "step[MIXED bs=2 c=1 g=1]", "step[MIXED bs=2 c=1 g=1]"),
    Real("execute_64_context_0(sq0sk0sqsq0sqsk0)_generation_64(sq64sk131072sqsq64sqsk131072)",
         "execute_64_context_0(sq0)_generation_64(sq64)", "execute_64_context_0(sq0)_generation_64(sq64)"),
    Real("execute_context_2(6144)_generation_3(3)", "execute_context_2(6144)_generation_3(3)",
         "execute_context_2(6144)_generation_3(3)"),
)  # fmt: skip

NCCL = tuple(
    Real(name, name, name)
    for name in ("ncclAllReduce", "ncclAlltoAll", "nccl:all_reduce", "nccl:_all_gather_base", "nccl:send 0->1")
)

MEGATRON = (
    Real("transformer_engine._Linear.forward.qkv.gemm", "transformer_engine._Linear.forward.qkv.gemm",
         "_Linear.forward.qkv.gemm"),
    Real("forward-compute", "forward-compute", "forward-compute"),
    Real("decoder.layers.3.self_attention.linear_qkv", "decoder.layers.{}.self_attention.linear_qkv",
         "self_attention.linear_qkv", "qkv_proj", 3),
    Real("module.decoder.layers.11.mlp.linear_fc2", "module.decoder.layers.{}.mlp.linear_fc2", "mlp.linear_fc2",
         "dense_down", 11),
)  # fmt: skip

MODULE_PATHS = (
    Real("model.layers.0.self_attn.q_b_proj", "model.layers.{}.self_attn.q_b_proj", "self_attn.q_b_proj",
         "q_b_proj", 0),
    Real("model.layers.1.mlp.shared_experts.down_proj", "model.layers.{}.mlp.shared_experts.down_proj",
         "mlp.shared_experts.down_proj", "shared_down", 1),
    Real("model.layers.1.mlp.shared_experts.gate_proj", "model.layers.{}.mlp.shared_experts.gate_proj",
         "mlp.shared_experts.gate_proj", None, 1),
    Real("model.layers.31.self_attn.qkv_proj", "model.layers.{}.self_attn.qkv_proj", "self_attn.qkv_proj",
         "qkv_proj", 31),
    Real("model.layers.1", "model.layers.{}", "layers.{}", None, 1),
    Real("model.norm", "model.norm", "model.norm"),
    Real("transformer.h.3.attn.c_attn", "transformer.h.{}.attn.c_attn", "attn.c_attn", "qkv_proj", 3),
    Real("layers.3.mlp.experts.17.w1", "layers.{}.mlp.experts.{}.w1", "mlp.experts.{}.w1", None, 3),
    Real("model.layers.3.block_sparse_moe.gate", "model.layers.{}.block_sparse_moe.gate", "block_sparse_moe.gate",
         "router_gemm", 3),
    Real("model.layers.2.mlp.experts.255.down_proj", "model.layers.{}.mlp.experts.{}.down_proj",
         "mlp.experts.{}.down_proj", None, 2),
    Real("_orig_mod.model.layers.2._checkpoint_wrapped_module.mlp.down_proj",
         "_orig_mod.model.layers.{}._checkpoint_wrapped_module.mlp.down_proj", "mlp.down_proj", "dense_down", 2),
    # T5's second number is a part of the layer, Swin's first a stage with sizes of its own.
    Real("decoder.block.3.layer.1.EncDecAttention", "decoder.block.{}.layer.1.EncDecAttention",
         "layer.1.EncDecAttention", None, 3),
    Real("encoder.layers.2.blocks.5.attn", "encoder.layers.2.blocks.{}.attn", "attn", None, 5),
)  # fmt: skip

OWN = (
    Real("q_b_proj:gemm:m64:n24576:k1536:fp8:bf16", "q_b_proj:gemm:m64:n24576:k1536:fp8:bf16", "q_b_proj",
         formula="gemm", shape={"m": 64, "n": 24576, "k": 1536, "precision": "fp8", "output": "bf16"}),
    Real("decode:case:b64:s4096", "decode:case:b64:s4096", "decode"),
    Real("fma:truth:flop2147483648", "fma:truth:flop2147483648", "fma"),
    Real("layers.3.o_proj:gemm:m1:n2:k3", "layers.{}.o_proj:gemm:m1:n2:k3", "layers.{}.o_proj", layer=3,
         formula="gemm", shape={"m": 1, "n": 2, "k": 3}),
    Real("lm_head", "lm_head", "lm_head"),
)  # fmt: skip

PLAIN = (
    Real("decode_step", "decode_step", "decode_step"),
    Real("op.scale_add", "op.scale_add", "op.scale_add"),
    Real("step_7", "step_{}", "step_{}", step=7),
    Real("Iteration 3 of epoch 1", "Iteration {} of epoch {}", "Iteration {} of epoch {}", step=1),
    Real("ProfilerStep#42", "ProfilerStep#{}", "ProfilerStep#{}", step=42),
    Real("Layer3/attention", "Layer{}/attention", "Layer{}/attention", layer=3),
    Real("layers[5] step: 9", "layers[{}] step: {}", "layers[{}] step: {}", layer=5, step=9),
    # How many, how large, and what version: no numbers of a step or a layer.
    *(
        Real(name, name, name)
        for name in (
            "12 layers", "num_layers=2", "n_layer_12", "max_step=100", "batch 64", "footstep 7", "step 0.5", "step7b",
            "layernorm", "gemm_m64_n128", "layers 12", "a: b: c", "q_b_proj:gemmm:m64:fp8", "q_b_proj:gemm:m64:nOOPS",
            "my:rmsnorm", "model", "", " ",
        )
    ),
)  # fmt: skip

BY_WRITER: dict[str, tuple[Real, ...]] = {
    "emit_nvtx": EMIT_NVTX, "layerwise": LAYERWISE, "xla": XLA, "steps": STEPS, "nccl": NCCL, "megatron": MEGATRON,
    "module path": MODULE_PATHS, "roofprof": OWN, "plain": PLAIN,
}  # fmt: skip
EVERY = tuple(real for names in BY_WRITER.values() for real in names)
