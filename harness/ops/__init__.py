"""The ops of the layer: for each its inputs, its reference and the ways to run it."""
