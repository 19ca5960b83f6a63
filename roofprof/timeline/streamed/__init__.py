"""The timeline of a trace that is larger than memory should hold: part by part, sums carried on."""
