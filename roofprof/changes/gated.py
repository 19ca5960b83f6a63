"""What a gate may be on."""

GATED = {
    "verdict": "verdict", "time": "time", "bytes": "dram_bytes", "flops": "flop_count", "roof": "roof", "any": "any",
}  # fmt: skip
"""Words of --on and of a config file, and the metric that each means."""
USUAL = "verdict"
"""The word where none is given."""
