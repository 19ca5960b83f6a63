"""On-disk formats that more than one edge knows: captures, .ncu-rep framing, nsys traces."""
