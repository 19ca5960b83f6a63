"""Tables in the terminal, as CSV and as Markdown."""
