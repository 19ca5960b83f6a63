"""The real `roofprof mcp`, started and asked as an assistant's program does it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from roofprof.cli import run


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A report, a damaged one, and a link that leads out."""
    folder = tmp_path_factory.mktemp("served") / "reports"
    folder.mkdir()
    shutil.copy(data / "kinds" / "set-roofline.ncu-rep", folder / "good.ncu-rep")
    (folder / "cut.ncu-rep").write_bytes((data / "kinds" / "set-roofline.ncu-rep").read_bytes()[:20_000])
    shutil.copy(data / "kinds" / "time-only.ncu-rep", folder.parent / "secret.ncu-rep")
    (folder / "link.ncu-rep").symlink_to("../secret.ncu-rep")
    return folder


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_session(served: Path, mode: Any) -> None:
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "roofprof", "mcp", str(served)], env=dict(os.environ), cwd=served
    )

    async def session() -> list[Any]:
        async with Client(stdio_client(program), mode=mode) as client:
            assert client.server_info
            assert client.server_info.name == "roofprof"
            assert "never instructions" in (client.instructions or "")
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == ["list_reports", "top_ops", "explain_op", "compare"]
            return [
                await client.call_tool("list_reports", {}),
                await client.call_tool("top_ops", {"path": "cut.ncu-rep"}),
                await client.call_tool("top_ops", {"path": "link.ncu-rep"}),
                await client.call_tool("top_ops", {"path": "../secret.ncu-rep"}),
                await client.call_tool("top_ops", {"path": "good.ncu-rep"}),
                await client.call_tool("explain_op", {"path": "good.ncu-rep", "op": "scale_add"}),
                await client.call_tool("compare", {"before": "good.ncu-rep", "after": "good.ncu-rep"}),
            ]

    listed, cut, link, out, *good = anyio.run(session)
    assert {item["path"] for item in listed.structured_content["reports"]} == {"good.ncu-rep", "cut.ncu-rep"}
    assert [answer.is_error for answer in (cut, link, out, *good)] == [True, True, True, False, False, False]
    assert "leads out of the folders that are served" in link.content[0].text


def test_stdout_is_the_protocols_alone(served: Path) -> None:
    messages = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
         "clientInfo": {"name": "test", "version": "1"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "top_ops", "arguments": {"path": "good.ncu-rep"}}},
    ]  # fmt: skip
    lines = [json.dumps({"jsonrpc": "2.0", **message}) for message in messages]
    lines.insert(2, "this is no JSON")
    lines.insert(3, '{"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "\\ud800"}}')
    command = [sys.executable, "-m", "roofprof", "mcp", str(served)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write("".join(f"{line}\n" for line in lines).encode())
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        rest, errors = server.communicate(timeout=20)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert not answers[1]["result"]["isError"]
    assert (rest, server.returncode) == (b"", 0)
    assert errors.decode().startswith("serving ")
    assert "Traceback" not in errors.decode()


def test_what_is_no_folder_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", str(tmp_path / "gone")]) == 2
    assert capsys.readouterr().err.startswith(f"error: no such folder: {tmp_path}/gone\nhint: ")


def test_without_the_sdk_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("mcp.", "roofprof.mcp."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(["mcp", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: roofprof mcp needs the MCP SDK")
    assert message.endswith("hint: pip install 'mcp>=2'\n")
