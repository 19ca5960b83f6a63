"""Modules and thunks of XLA, and with them JAX's and TensorFlow's.

    XlaModule:#prefix=jit(mlp)/jit(main),hlo_module=jit_mlp,program_id=3#
    Thunk:#name=dot_general,hlo_op=custom-call.1#

Sources: MakeTitle and its neighbours in xla/service/gpu/annotation.cc (openxla/xla#7106, #8771); a capture of JAX. nsys
puts the domain before them, `TSL:`. program_id and unique_hlo_op_id count what a process compiled: two runs of one
program differ in them, so they are no part of the key. A name may hold commas.
"""

import re

from roofprof.names.name import Asked, Reading, ReadName

NAME = "xla"

_FORM = re.compile(r"(?:TSL:)?([A-Za-z][A-Za-z0-9]*):#")
_FIELD = re.compile(r"(?:^|,)(name|prefix|hlo_op|hlo_module|module|program_id|unique_hlo_op_id)=")
_COUNTS = ("program_id", "unique_hlo_op_id")


def read(text: str, asked: Asked) -> Reading | None:
    """A frame of XLA's: a word, and fields between hashes."""
    form = _FORM.match(text)
    if form is None:
        return None
    whole = text.endswith("#") and len(text) > form.end()
    fields = _fields(text[form.end() : -1 if whole else len(text)])
    if not fields:
        return None
    kept = ",".join(f"{name}={value}" for name, value in fields if name not in _COUNTS)
    key = f"{form[1]}:#{kept}{'#' if whole else ''}"
    return Reading(ReadName(key, _label(form[1], dict(fields)) or key, writer=NAME), detail=key)


def _fields(text: str) -> list[tuple[str, str]]:
    found = list(_FIELD.finditer(text))
    if not found or found[0].start():
        return []
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(match[1], text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


def _label(frame: str, fields: dict[str, str]) -> str:
    name, op = fields.get("name"), fields.get("hlo_op")
    if frame == "Thunk":
        return f"{name} ({op})" if name and op and name != op else op or name or ""
    module = fields.get("hlo_module") or fields.get("module") or name
    if not module:
        return ""
    return module if frame == "XlaModule" else f"{frame} {module}"
