"""What engines serve beside DeepSeek-R1's layer: more formulas, other models, the layer of any of them."""
