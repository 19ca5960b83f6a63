"""Decode steps of a transformers model with random weights, marked as PyTorch users mark them.

The region (cudaProfilerStart to Stop) holds --steps decode steps, after a prefill and two warm-up steps.
--marks modules: hooks push each module's path; emit: torch.autograd.profiler.emit_nvtx; roofprof: roofprof.region and
roofprof.op; none.
"""

import argparse
import contextlib
import sys

import torch
import transformers

import roofprof

MODELS = {
    # One dense and one MoE layer of DeepSeek-R1's sizes, with 32 routed experts: 2.8 GB of bf16 weights a MoE layer.
    "deepseek": ("DeepseekV3", {
        "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_attention_heads": 128,
        "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128, "v_head_dim": 128, "n_routed_experts": 32, "num_experts_per_tok": 8, "n_group": 8,
        "topk_group": 4, "first_k_dense_replace": 1,
    }),
    "llama": ("Llama", {
        "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
    }),
}  # fmt: skip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="llama")
    parser.add_argument("--marks", choices=("modules", "emit", "roofprof", "none"), default="modules")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile with CUDA graphs")
    for name, default in (("batch", 8), ("prompt", 128), ("steps", 2), ("layers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def build(args: argparse.Namespace):
    name, sizes = MODELS[args.model]
    config = getattr(transformers, f"{name}Config")(
        vocab_size=16384, num_hidden_layers=args.layers, max_position_embeddings=4096, bos_token_id=0, eos_token_id=1,
        pad_token_id=2, **sizes,
    )  # fmt: skip
    torch.set_default_dtype(getattr(torch, args.dtype))
    with torch.device("cuda"):
        return config, getattr(transformers, f"{name}ForCausalLM")(config).eval()


def mark_modules(model, marks: str) -> None:
    for name, module in model.named_modules():
        if marks == "modules":
            module.register_forward_pre_hook(lambda m, i, n=name or "model": (torch.cuda.nvtx.range_push(n), None)[1])
            module.register_forward_hook(lambda m, i, o: (torch.cuda.nvtx.range_pop(), None)[1])
        elif marks == "roofprof" and isinstance(module, torch.nn.Linear):
            op = name.rpartition(".")[2]
            module.forward = roofprof.op(op)(module.forward)


def main() -> None:
    args = parse()
    torch.manual_seed(0)
    config, model = build(args)
    mark_modules(model, args.marks)
    step = torch.compile(model, mode="reduce-overhead") if args.compile else model
    length = args.prompt + args.steps + 4
    if args.compile:
        cache = transformers.StaticCache(config=config, max_cache_len=length)
    else:
        cache = transformers.DynamicCache(config=config)
    tokens = torch.randint(3, config.vocab_size, (args.batch, args.prompt), device="cuda")

    def decode(token):
        if args.compile:
            torch.compiler.cudagraph_mark_step_begin()
        return step(input_ids=token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)

    with torch.no_grad():
        token = model(input_ids=tokens, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
        for _ in range(2):
            token = decode(token.clone())
        torch.cuda.synchronize()
        emit = contextlib.nullcontext()
        if args.marks == "emit":
            emit = torch.autograd.profiler.emit_nvtx(record_shapes=True)
        with roofprof.region() if args.marks == "roofprof" else torch.cuda.profiler.profile(), emit:
            for _ in range(args.steps):
                torch.cuda.nvtx.range_push("decode_step")
                token = decode(token.clone())
                torch.cuda.nvtx.range_pop()
            torch.cuda.synchronize()
    print(f"hf_decode: tokens {token.flatten().tolist()[:4]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
