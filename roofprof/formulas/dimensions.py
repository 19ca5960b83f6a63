"""The dimensions of DeepSeek-R1, from deepseek-ai/DeepSeek-R1 config.json: the one place that has them."""

HIDDEN, Q_LORA, KV_LORA, NOPE, ROPE, V_HEAD = 7168, 1536, 512, 128, 64, 128
HEADS, EXPERTS, TOP_K, MOE_INTER, DENSE_INTER, VOCAB = 128, 256, 8, 2048, 18432, 129280

QKV_A = Q_LORA + KV_LORA + ROPE
"""Width of fused_qkv_a_proj's output."""
QK_HEAD = NOPE + ROPE
"""Width of a query or key head in prefill."""
LATENT = KV_LORA + ROPE
"""Width of one MLA cache entry."""
