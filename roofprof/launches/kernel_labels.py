"""What a kernel is called: its function's name, with as much of its template as tells it from the others."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

_SHOWN_TYPES, _SHOWN_DIFFERENCES = 2, 4

_BRACKET_OR_COMMA = re.compile(r"[<(\[{)\]},]|(?<!-)>")
"""Without the end of an arrow, `->`."""
_CAST = re.compile(r"^\((?:[\w:]|<unnamed>| (?!$))+\)(?=[-\w(])|^\w+=(?=-?\d)")
_ANONYMOUS = re.compile(r"(?:\(anonymous namespace\)|<unnamed>|\{anonymous\})::")
_CONDITION = re.compile(r"^(?:typename )?(?:std::|cuda::std::)?enable_if<.*?>::type (?=[\w:<])")
"""The return type of a function template that is there on a condition, in whose terms brackets need not match."""
_NO_CLASS = re.compile(
    r"(?:const |unsigned |signed |volatile )*"
    r"(?:void|bool|char|short|int|long|long long|float|double|size_t|std::size_t|__half2?|half2?|__nv_bfloat162?|"
    r"u?int\d+_t|true|false|nullptr|-?[\d.]+[a-z]*|unsigned|signed)"
    r"(?: (?:int|long|char|short))*(?: ?const)?[ *&]*"
)


@dataclass(frozen=True, slots=True)
class _Argument:
    """One template argument: its own name, and its arguments."""

    name: str
    inner: tuple["_Argument", ...]
    is_class: bool

    def whole(self) -> str:
        return f"{self.name}<{', '.join(argument.whole() for argument in self.inner)}>" if self.inner else self.name

    def tokens(self) -> list[str]:
        return [self.name, *(token for argument in self.inner for token in argument.tokens())]


@dataclass(frozen=True, slots=True)
class _Function:
    """A kernel's name taken apart."""

    name: str
    arguments: tuple[_Argument, ...]
    parameters: str

    @property
    def tokens(self) -> list[str]:
        """Every argument's own name, as written."""
        return [token for argument in self.arguments for token in argument.tokens()]

    def label(self, whole: bool = False) -> str:
        """The name with the classes that it is made of, or with every argument and parameter."""
        if whole:
            shown = ", ".join(argument.whole() for argument in self.arguments)
            return f"{self.name}<{shown}>{self.parameters}" if shown else f"{self.name}{self.parameters}"
        classes = [argument.name for argument in self.arguments if argument.is_class][:_SHOWN_TYPES]
        return f"{self.name}<{', '.join(classes)}>" if classes else self.name


Function = tuple[str, str]
"""Short and demangled name: what tells one kernel from another."""


def kernel_labels(functions: Iterable[Function]) -> dict[Function, str]:
    """A label for each kernel, distinct for distinct kernels and as short as that allows.

    Args:
        functions: short and demangled names; either may be empty.
    """
    taken = {function: _taken_apart(*function) for function in dict.fromkeys(functions)}
    groups: dict[str, list[Function]] = {}
    for function, parts in taken.items():
        groups.setdefault(parts.label(), []).append(function)
    labels: dict[Function, str] = {}
    for label, group in groups.items():
        labels |= {group[0]: label} if len(group) == 1 else _told_apart(label, {f: taken[f] for f in group})
    return _numbered({function: labels[function] for function in taken})


def _told_apart(label: str, group: Mapping[Function, _Function]) -> dict[Function, str]:
    """The label with the arguments in which the kernels differ, the fewest that tell them apart; else with all."""
    columns = list(zip_longest(*(parts.tokens for parts in group.values()), fillvalue=""))
    words: list[tuple[str, ...]] = [()] * len(group)
    for _ in range(_SHOWN_DIFFERENCES):
        longer = [[(*own, word) for own, word in zip(words, column, strict=True)] for column in columns]
        best = max(longer, key=_told_apart_by, default=words)
        if len(set(best)) == len(set(words)):
            break
        words = list(best)
    found = {f: " ".join([label, *_bracketed(own)]) for f, own in zip(group, words, strict=True)}
    if len(set(found.values())) == len(found):
        return found
    return {function: parts.label(whole=True) for function, parts in group.items()}


def _told_apart_by(words: Sequence[tuple[str, ...]]) -> tuple[int, bool]:
    """How good a choice of arguments is: it tells many apart, and words say more than numbers."""
    return len(set(words)), all(own[-1][:1].isalpha() for own in words)


def _bracketed(words: Sequence[str]) -> list[str]:
    shown = [word for word in words if word]
    return [f"[{', '.join(shown)}]"] if shown else []


def shape_words(grid: Sequence[int] | None, block: Sequence[int] | None) -> str:
    """A launch shape, `(128,4)x(256)`: grid and block without their trailing ones."""
    return f"{_size(grid)}x{_size(block)}"


def _size(size: Sequence[int] | None) -> str:
    if not size:
        return "(?)"
    kept = list(size)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return f"({','.join(map(str, kept))})"


def _numbered(labels: dict[Function, str]) -> dict[Function, str]:
    """Labels that are still equal, told apart by a number."""
    taken: set[str] = set()
    found = {}
    for function, label in labels.items():
        number, free = 1, label
        while free in taken:
            number += 1
            free = f"{label} #{number}"
        taken.add(free)
        found[function] = free
    return found


@lru_cache(maxsize=4096)
def _taken_apart(short: str, demangled: str) -> _Function:
    text = _CONDITION.sub("", _ANONYMOUS.sub("", demangled)) or short
    for at in _at_depth_0(text):
        if text[at] == "(" and at:  # parameters begin here
            head, parameters = text[:at], text[at:]
            break
    else:
        head, parameters = text, ""
    opened = next((at for at in _at_depth_0(head) if head[at] == "<"), None)
    name = short or (head if opened is None else head[:opened]).rsplit("::", 1)[-1].split(" ")[-1]
    if short and short not in head:  # not what the demangled name is of
        return _Function(short, (), f" {demangled}" if demangled else "")
    arguments = _arguments(head[opened:]) if opened is not None else ()
    return _Function(name, arguments, parameters if parameters else "")


def _at_depth_0(text: str) -> Iterable[int]:
    """Positions of brackets that open outside any other bracket."""
    depth = 0
    for at, character in enumerate(text):
        if character in "<([{":
            if depth == 0:
                yield at
            depth += 1
        elif character in ">)]}" and text[at - 1 : at + 1] != "->":
            depth = max(0, depth - 1)


def _arguments(text: str) -> tuple[_Argument, ...]:
    """The arguments of the template list that `text` begins with; of `A<..>::f<..>` those of the last."""
    parts, rest = _listed(text)
    while "<" in rest and rest.lstrip().startswith("::"):
        parts, rest = _listed(rest[rest.index("<") :])
    return _inner(parts)


def _inner(parts: Iterable[str]) -> tuple[_Argument, ...]:
    return tuple(_argument(part) for part in parts if part)


def _listed(text: str) -> tuple[list[str], str]:
    """What stands, between commas, within the bracket that `text` begins with; and what follows it."""
    parts, depth, begin = list[str](), 0, 1
    for found in _BRACKET_OR_COMMA.finditer(text):
        character = found[0]
        if character == ",":
            if depth == 1:
                parts.append(text[begin : found.start()].strip())
                begin = found.end()
        elif character in "<([{":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return [*parts, text[begin : found.start()].strip()], text[found.end() :]
    return [*parts, text[begin:].strip()], ""


@lru_cache(maxsize=4096)  # kernels of one library are made of the same types
def _argument(text: str) -> _Argument:
    plain = text
    while (shorter := _CAST.sub("", plain)) != plain:
        plain = shorter
    opened = plain.find("<")
    head = plain if opened < 0 else plain[:opened]
    leaf = head.rsplit("::", 1)[-1].strip() or head.strip()
    inner: tuple[_Argument, ...] = ()
    if opened >= 0:
        parts, rest = _listed(plain[opened:])
        if rest.startswith("::"):
            return _argument_of_member(leaf, parts, rest)
        inner = _inner(parts)
    return _Argument(leaf, inner, not _NO_CLASS.fullmatch(plain) and bool(re.match(r"[A-Za-z_]", leaf)))


def _argument_of_member(owner: str, parts: Sequence[str], rest: str) -> _Argument:
    """`Owner<..>::member<..>`: called by the member, with the owner's arguments among its own."""
    member = _argument(rest.removeprefix("::"))
    own = _Argument(owner, _inner(parts), True)
    return _Argument(member.name, (own, *member.inner), True)
