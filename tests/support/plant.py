"""Adds a block full of session data to a report, as ncu writes it: run by the stub ncu and by tests."""

import os
import socket
import struct
import sys


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def system(host: str) -> bytes:
    texts = field(1, "Linux") + field(2, f"#1 SMP {host}") + field(3, "Some(R) Processor @ 2GHz") + field(5, host)
    return texts + field(7, field(1, "203.0.113.77")) + field(7, field(1, "fe80::77%eth0"))


def planted(data: bytes, arguments: list[str]) -> bytes:
    """The report with one more block: host, addresses, executable, directory, arguments, environment."""
    environment = "\n".join(f"{k}={v}" for k, v in os.environ.items())
    executable = field(1, sys.executable) + field(2, os.getcwd()) + field(3, " ".join(arguments))
    session = (
        field(3, system(socket.gethostname())) + field(4, system(socket.gethostname()))
        + field(7, environment) + field(9, executable + field(4, environment))
        + field(11, sys.executable + " " + " ".join(arguments))
        + field(99, environment)  # a field that a later ncu may add
    )  # fmt: skip
    header = field(3, session) + varint(5 << 3) + varint(0) + field(6, field(2, "127.0.0.1") + field(3, sys.executable))
    return data + struct.pack("<I", len(header)) + header
