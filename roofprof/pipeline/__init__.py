"""From files to results: parse, attribute, analyse, save."""
