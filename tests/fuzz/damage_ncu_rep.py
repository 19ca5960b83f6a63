"""Damages real .ncu-rep files in many ways, reads what is left and sorts the outcomes.

scripts/fuzz-ncu-rep [--variants N]
"""

import argparse
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import U32, blocks, first_block, strings
from roofprof.parsers.ncu.report import NcuReport, read_ncu_report

DATA = Path(__file__).parents[1] / "data" / "kinds"
REPORTS = ("no-nvtx", "odd-names", "two-processes", "range-nvtx", "graph-whole", "set-full")
OUTCOMES = ("refused", "unchanged", "finding", "silence", "another exception")
VARIANTS = 800

Damage = Callable[[random.Random, bytes], bytes]


def _lengths(rng: random.Random, content: bytes) -> bytes:
    """A length of a block or of a message is another."""
    places = [b.start for b in blocks(content)] + [s - 4 for b in blocks(content) for _, s, _ in b.messages]
    place = rng.choice(places)
    (length,) = U32.unpack_from(content, place)
    other = rng.choice([length - 1, length + 1, length + rng.randrange(4096), rng.randrange(1 << 32)])
    return content[:place] + U32.pack(other % (1 << 32)) + content[place + 4 :]


def _headers(rng: random.Random, content: bytes) -> bytes:
    """A byte of a block's header is another."""
    block = rng.choice(blocks(content))
    return _flip(rng, content, *block.header)


def _strings(rng: random.Random, content: bytes) -> bytes:
    """A byte of the table of strings is another."""
    start, end = rng.choice([text for block in blocks(content) for text in strings(content, block)])
    return _flip(rng, content, start - 2, end)


def _heads(rng: random.Random, content: bytes) -> bytes:
    """A byte of what stands before the metrics of a result is another."""
    _, start, end = _result(rng, content)
    return _flip(rng, content, start, min(start + 100, end))


def _results(rng: random.Random, content: bytes) -> bytes:
    """A byte of a result is another."""
    return _flip(rng, content, *_result(rng, content)[1:])


def _bursts(rng: random.Random, content: bytes) -> bytes:
    """64 bytes of a result are noise."""
    _, start, end = _result(rng, content)
    place = rng.randrange(start, max(end - 64, start + 1))
    return content[:place] + rng.randbytes(64) + content[place + 64 :]


def _shifts(rng: random.Random, content: bytes) -> bytes:
    """A few bytes are lost or gained, the lengths around them as they were."""
    place = rng.randrange(8, len(content))
    return content[:place] + rng.randbytes(rng.randrange(4)) + content[place + rng.randrange(1, 5) :]


def _cut(rng: random.Random, content: bytes) -> bytes:
    """The file ends early."""
    return content[: rng.randrange(8, len(content))]


def _cut_between(rng: random.Random, content: bytes) -> bytes:
    """The file ends early, behind a block."""
    return content[: rng.choice(blocks(content)[:-1]).end]


def _lost(rng: random.Random, content: bytes) -> bytes:
    """A block is gone."""
    block = rng.choice(blocks(content))
    return content[: block.start] + content[block.end :]


def _doubled(rng: random.Random, content: bytes) -> bytes:
    """A block stands twice, the second time at any place."""
    found = blocks(content)
    block, place = rng.choice(found), rng.choice(found).end
    return content[:place] + content[block.start : block.end] + content[place:]


def _swapped(rng: random.Random, content: bytes) -> bytes:
    """Two blocks have changed places."""
    parts = [content[b.start : b.end] for b in blocks(content)]
    one, other = rng.sample(range(len(parts)), 2)
    parts[one], parts[other] = parts[other], parts[one]
    return content[: first_block(content)] + b"".join(parts)


def _joined(rng: random.Random, content: bytes) -> bytes:
    """The tail is another file's, from a block on."""
    other = (DATA / f"{rng.choice(REPORTS)}.ncu-rep").read_bytes()
    return content[: rng.choice(blocks(content)).end] + other[rng.choice(blocks(other)).start :]


DAMAGES: dict[str, Damage] = {
    "length": _lengths, "block header": _headers, "string table": _strings, "head of a launch": _heads,
    "byte of a launch": _results, "64 bytes of a launch": _bursts, "bytes lost or gained": _shifts,
    "cut": _cut, "cut between blocks": _cut_between, "block lost": _lost, "block doubled": _doubled,
    "blocks swapped": _swapped, "another file's tail": _joined,
}  # fmt: skip


def _result(rng: random.Random, content: bytes) -> tuple[str, int, int]:
    return rng.choice([result for block in blocks(content) for result in block.results])


def _flip(rng: random.Random, content: bytes, start: int, end: int) -> bytes:
    place = rng.randrange(start, end)
    return content[:place] + bytes([content[place] ^ rng.randrange(1, 256)]) + content[place + 1 :]


def variants(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Report, kind of damage and the damaged bytes; the same ones each time."""
    whole = {name: (DATA / f"{name}.ncu-rep").read_bytes() for name in REPORTS}
    kinds = list(DAMAGES)
    for number in range(count):
        name, kind = REPORTS[number % len(REPORTS)], kinds[number // len(REPORTS) % len(kinds)]
        yield name, kind, DAMAGES[kind](random.Random(number), whole[name])


def outcome(path: Path, original: NcuReport) -> str:
    """One of OUTCOMES; exceptions that are not roofprof's own come out as they are."""
    try:
        report = read_ncu_report(path, name=original.name)
    except ReportError:
        return "refused"
    told = {(finding.kind, finding.values.get("column")) for finding in report.findings}
    if told - {(finding.kind, finding.values.get("column")) for finding in original.findings}:
        return "finding"  # of a kind, or about a column, that the whole report does not have
    same = report.launches.equals(original.launches) and report.devices == original.devices
    return "unchanged" if same else "silence"


def main() -> None:
    """Damage, read, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=VARIANTS)
    count = parser.parse_args().variants
    originals = {name: read_ncu_report(DATA / f"{name}.ncu-rep") for name in REPORTS}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    table: dict[str, Counter[str]] = {kind: Counter() for kind in DAMAGES}
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.ncu-rep"
        for number, (name, kind, content) in enumerate(variants(count)):
            path.write_bytes(content)
            start = time.process_time()
            try:
                table[kind][outcome(path, originals[name])] += 1
            except Exception as error:
                table[kind]["another exception"] += 1
                print(f"variant {number} ({name}, {kind}): {type(error).__name__}: {error}")
            slowest = max(slowest, time.process_time() - start)
    _print(table)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    largest = max((DATA / f"{name}.ncu-rep").stat().st_size for name in REPORTS) / 2**20
    print(f"\n{count} variants; slowest {slowest:.2f} s of CPU")
    print(f"memory grew by {grown:.0f} MB, largest file {largest:.1f} MB")
    if any(row["another exception"] for row in table.values()):
        raise SystemExit(1)


def _print(table: dict[str, Counter[str]]) -> None:
    print(f"| damage | {' | '.join(OUTCOMES)} |")
    print(f"|---|{'---|' * len(OUTCOMES)}")
    for kind, row in table.items():
        print(f"| {kind} | {' | '.join(str(row[name]) for name in OUTCOMES)} |")
    print(f"| all | {' | '.join(str(sum(row[name] for row in table.values())) for name in OUTCOMES)} |")


if __name__ == "__main__":
    main()
