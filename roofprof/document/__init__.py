"""What the document says: cases, sections, scaling, claims, comparison."""
