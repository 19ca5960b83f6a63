"""How wide the tables of `roofprof ops` are: as the terminal, of the columns that they can use."""

from shutil import get_terminal_size

from rich.console import Console

WIDTH, NARROW = 100, 80


def formula_console() -> Console:
    """A console of 80 to 100 columns, without markup; 100 where there is no terminal."""
    width = min(max(get_terminal_size((WIDTH, 24)).columns, NARROW), WIDTH)
    return Console(width=width, highlight=False, markup=False, emoji=False)
