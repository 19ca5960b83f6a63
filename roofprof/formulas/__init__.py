"""Work of an op by formula: models, the layer, range names, users' ops files."""
