"""Makes the inputs of every op of the layer and calls it; the one part that imports torch."""
