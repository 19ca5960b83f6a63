import getpass
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from roofprof.profiler.run.secrets import addresses, collect_secrets


def test_each_kind_of_value_is_found() -> None:
    environment = {
        "PLAIN": "canary-plain",
        "LIST": "/canary/one:/canary/two",
        "API_KEY": "k3y/part-two/rest-of-it",
    }
    secrets = collect_secrets(["serve.py", "--password=hunter2-canary"], environment)
    text = (
        f"a canary-plain b /canary/two c hunter2-canary d {Path.cwd()} e {socket.gethostname()} "
        "f part-two g rest-of-it h serve.py"
    )
    scrubbed = secrets.scrub(text)
    assert len(scrubbed) == len(text)
    for word in ("canary", "hunter2", str(Path.cwd()), "part-two", "rest-of-it", "serve.py"):
        assert word not in scrubbed


def test_words_of_the_trade_and_numbers_stay() -> None:
    environment = {
        "A": "decode",
        "B": "13.0",
        "C": "moe_gate_up",
        "D": "64",
        "E": "2.11.0+cu130",
        "F": "true",
        "G": "v1",
    }
    text = "decode 13.0 moe_gate_up 64 2.11.0+cu130 true v1 f<__nv_bfloat16> torch.float8_e4m3fn"
    assert (
        collect_secrets(["fp8", "--batch", "--dtype", "bfloat16", "--kv=float8_e4m3fn"], environment).scrub(text)
        == text
    )


def test_short_values_only_as_words() -> None:
    secrets = collect_secrets([], {"NICK": "zork"})
    assert secrets.scrub("zork zorkmid gzork a-zork") == "xxxx zorkmid gzork a-xxxx"


def test_paths_lose_their_folders() -> None:
    text = collect_secrets([], {}).scrub_text('File "/srv/people/jane/serve.py", 3/9 https://a.example/b/c 10/s')
    assert text == 'File "<path>/serve.py", 3/9 https://a.example/b/c 10/s'


def test_json_is_scrubbed_string_by_string() -> None:
    secrets = collect_secrets([], {"QUOTED": 'canary "quoted" \\ text'})
    data = {"a": ['canary "quoted" \\ text', 1, None], "/home/jane/x": {"b": True}}
    scrubbed: Any = secrets.scrub_data(data)
    assert "canary" not in json.dumps(scrubbed)
    assert scrubbed["a"][1:] == [1, None]
    assert scrubbed["<path>/x"] == {"b": True}


def test_addresses_are_those_of_interfaces() -> None:
    found = addresses()
    assert not any(a.startswith("127.") for a in found)
    assert all(a.count(".") == 3 or ":" in a for a in found)


def test_the_user_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "jane_canary")
    assert getpass.getuser() == "jane_canary"
    assert "jane_canary" not in collect_secrets().scrub("by jane_canary")


def test_nothing_known_scrubs_nothing() -> None:
    assert collect_secrets([], {}).scrub("") == ""
