"""Decode steps of vLLM with random weights, its engine in this process, marked by vLLM's own NVTX ranges of modules.

The region (cudaProfilerStart to Stop) holds --steps steps of the engine, after a warm-up and the prefill of the batch.
Model runner V2, the default of vLLM 0.25 for dense models, marks no modules: V1 runs here unless
VLLM_USE_V2_MODEL_RUNNER is set.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_USE_V2_MODEL_RUNNER": "0", "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0", "VLLM_HOST_IP": "127.0.0.1", "HF_HUB_OFFLINE": "1",
}  # fmt: skip
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16", "vocab_size": 16384,
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 2, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 4096, "hidden_act": "silu", "rms_norm_eps": 1e-5,
    "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False,
}  # fmt: skip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("llama", "deepseek"), default="llama")
    parser.add_argument("--attention", help="backend by vLLM's name, such as TRITON_ATTN, TRITON_MLA; else its choice")
    for name, default in (("batch", 8), ("prompt", 128), ("steps", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def write_model(name: str, folder: str) -> None:
    if name == "deepseek":
        script = Path(__file__).with_name("make_model.py")
        subprocess.run([sys.executable, str(script), folder], check=True)
    else:
        Path(folder, "config.json").write_text(json.dumps(LLAMA, indent=1))


def build(args: argparse.Namespace, folder: str):
    from vllm import LLM

    return LLM(
        model=folder, skip_tokenizer_init=True, load_format="dummy", dtype="bfloat16", enforce_eager=True,
        max_model_len=args.prompt + args.steps + 16, max_num_seqs=args.batch, enable_prefix_caching=False,
        max_num_batched_tokens=max(2048, args.batch * args.prompt),  # the whole prefill is one step
        async_scheduling=False,  # a step ends with its own tokens
        gpu_memory_utilization=0.5, kv_cache_memory_bytes=1 << 30, enable_layerwise_nvtx_tracing=True,
        moe_backend="triton", enable_flashinfer_autotune=False,  # the same where FlashInfer is not there
        attention_config={"backend": args.attention} if args.attention else {},
    )  # fmt: skip


def decode(llm, args: argparse.Namespace) -> list[list[int]]:
    """Tokens of each request; the steps in the middle are the region."""
    import torch
    from vllm import SamplingParams

    import roofprof

    def sampling(count: int) -> SamplingParams:
        return SamplingParams(max_tokens=count, temperature=0.0, ignore_eos=True, detokenize=False)

    starts = range(0, args.batch * args.prompt, args.prompt)
    prompts = [{"prompt_token_ids": [3 + n % 16000 for n in range(start, start + args.prompt)]} for start in starts]
    llm.generate(prompts, sampling(4), use_tqdm=False)
    engine = llm.llm_engine
    for request, prompt in enumerate(prompts):
        engine.add_request(f"decode-{request}", prompt, sampling(args.steps + 3))
    for _ in range(2):  # the prefill and a first decode step
        engine.step()
    torch.cuda.synchronize()
    with roofprof.region():
        for _ in range(args.steps):
            torch.cuda.nvtx.range_push("decode_step")
            engine.step()
            torch.cuda.nvtx.range_pop()
        torch.cuda.synchronize()
    outputs = []
    while engine.has_unfinished_requests():
        outputs += engine.step()
    return [list(output.outputs[0].token_ids) for output in outputs if output.finished]


def main() -> None:
    args = parse()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryDirectory() as folder:
        write_model(args.model, folder)
        drawn = decode(build(args, folder), args)
    print(f"vllm_decode: {len(drawn)} requests, tokens {drawn[:1]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
