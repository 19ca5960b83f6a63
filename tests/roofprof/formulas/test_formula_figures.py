"""Every formula's figures stay what they are, to the last digit; the page about formulas says what they are."""

import inspect
from collections.abc import Callable, Iterator

from roofprof.formulas.models import FORMULAS, evaluate
from roofprof.formulas.range_names import Shape

SIZES: tuple[Shape, ...] = (
    {"m": 1, "n": 2112, "k": 7168, "h": 128, "b": 1, "s": 4096, "p": 0, "d": 7168, "r": 8, "e": 8, "x": 256, "t": 8,
     "i": 2048, "g": 64, "u": 8, "w": 8, "hk": 8, "ks": 4096},
    {"m": 63, "n": 4095, "k": 1537, "h": 16, "b": 3, "s": 1001, "p": 17, "d": 1536, "r": 507, "e": 221.3, "x": 64,
     "t": 6, "i": 768, "g": 128, "u": 70, "w": 4, "hk": 4, "ks": 4000, "q": 3, "win": 128, "kb": 8, "c": 2, "sb": 1},
    {"m": 128, "k": 512, "n": 24576, "b": 2, "s": 64, "d": 512, "h": 32, "r": 1024, "e": 31.37, "t": 2, "i": 256,
     "u": 3, "hk": 8, "ks": 99, "q": 2},
)  # fmt: skip
"""One shape each formula takes its letters from; the last leaves some to the formula's defaults."""


def figures() -> Iterator[str]:
    for name, formula in FORMULAS.items():
        letters = formula.__code__.co_varnames[: formula.__code__.co_argcount]
        for sizes in SIZES:
            for precision in ("fp4", "fp8", "bf16") if "precision" in letters else (None,):
                shape = {letter: sizes[letter] for letter in letters if letter in sizes}
                shape |= {"precision": precision} if precision else {}
                shape |= {"g": 16} if name == "all_to_all_dedup" and "g" in sizes else {}  # groups, no block size
                work = evaluate(name, shape)
                read, written = work.dram_read_bytes, work.dram_write_bytes
                words = " ".join(f"{key}={value}" for key, value in shape.items())
                bytes_of = ",".join(repr(float(value)) for value in (read, written, work.link_bytes))
                yield f"{name},{words},{float(work.flop_count)!r},{bytes_of},{work.pipe}"


def test_no_figure_changes(golden: Callable[[str, str], None]) -> None:
    golden("formulas.csv", "\n".join(["formula,shape,flop,read,written,link,pipe", *figures(), ""]))


def documented() -> Iterator[str]:
    """The table of docs/formulas.md."""
    yield from ("| formula | sizes | what |", "|---|---|---|")
    for name, formula in FORMULAS.items():
        parameters = inspect.signature(formula).parameters.values()
        sizes = (p.name if p.default is p.empty else f"[{p.name}]" for p in parameters)
        yield f"| `{name}` | {' '.join(sizes)} | {(formula.__doc__ or '').splitlines()[0]} |"


def test_the_page_lists_every_formula_as_it_is(page_table: Callable[[str, str, list[str]], None]) -> None:
    page_table("formulas.md", "| formula |", [*documented()])
