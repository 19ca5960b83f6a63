"""Writes the signatures of the kernel packages that the harness calls to tests/data/signatures/.

    python scripts/record_signatures.py [--wheels FOLDER]

Downloads the published wheels (about 0.9 GB) to a temporary folder, or takes them from FOLDER. Parses Python with ast
and reads operator schemas as strings out of the binaries: nothing is imported, so no GPU is needed.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

WHEELS = ("sgl-kernel==0.3.21", "sglang-kernel==0.4.2", "flashinfer-python==0.6.8")
MODULES = {
    "sgl_kernel": ("sgl_kernel", "sgl_kernel.flash_mla", "sgl_kernel.flash_attn"),
    "flashinfer": (
        "flashinfer", "flashinfer.concat_ops", "flashinfer.fused_moe", "flashinfer.fused_moe.core", "flashinfer.gemm",
        "flashinfer.mla", "flashinfer.norm", "flashinfer.prefill",
    ),
}  # fmt: skip
BINARIES = ("sgl_kernel/sm90/common_ops.abi3.so", "sgl_kernel/sm100/common_ops.abi3.so")
OUTPUT = Path(__file__).parent.parent / "tests" / "data" / "signatures"

_SCHEMA = re.compile(
    rb"[a-z][a-z0-9_]*\((?:[^\x00()]|\([^\x00()]*\))*Tensor(?:[^\x00()]|\([^\x00()]*\))*\) *-> *[^\x00\n]{1,60}"
)
_PLATFORM = ("--platform", "manylinux2014_x86_64", "--python-version", "3.12", "--only-binary", ":all:", "--no-deps")
_CHUNK_BYTES, _OVERLAP_BYTES = 64 << 20, 4096

Signatures = dict[str, object]


class Wheel:
    """The Python modules of a wheel, parsed, and the names that each one holds."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._members = set(self._zip.namelist())
        self._trees: dict[str, dict[str, ast.AST | str]] = {}

    def names(self, module: str) -> dict[str, ast.AST | str]:
        """Name to its definition, or to `module:name` where it is imported; imports without a definition are absent."""
        if module not in self._trees:
            self._trees[module] = {}
            source, is_package = self._source(module)
            for node in _statements(ast.parse(source)):
                self._trees[module] |= self._bound(node, module, is_package)
        return self._trees[module]

    def definition(self, module: str, name: str) -> ast.AST | None:
        """Where a name leads, through imports."""
        found: ast.AST | str | None = self.names(module).get(name)
        for _ in range(8):
            if not isinstance(found, str):
                return found
            module, _, name = found.partition(":")
            found = self.names(module).get(name)
        return None

    def schemas(self, member: str) -> Iterator[str]:
        """Operator schemas in a binary."""
        if member not in self._members:
            return
        with self._zip.open(member) as binary:
            tail = b""
            while chunk := binary.read(_CHUNK_BYTES):
                yield from (" ".join(match.decode().split()) for match in _SCHEMA.findall(tail + chunk))
                tail = chunk[-_OVERLAP_BYTES:]

    def _source(self, module: str) -> tuple[str, bool]:
        base = module.replace(".", "/")
        for member, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if member in self._members:
                return self._zip.read(member).decode(), is_package
        return "", False

    def _bound(self, node: ast.AST, module: str, is_package: bool) -> dict[str, ast.AST | str]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return {node.name: node}
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            return {t.id: f"{module}:{node.value.id}" for t in node.targets if isinstance(t, ast.Name)}
        if not isinstance(node, ast.ImportFrom):
            return {}
        source = _absolute(node, module, is_package)
        if node.names[0].name == "*":
            return {name: f"{source}:{name}" for name in self.names(source)}
        return {alias.asname or alias.name: f"{source}:{alias.name}" for alias in node.names}


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Top-level statements, those inside `if` and `try` too."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop(0)
        yield node
        if isinstance(node, ast.If | ast.Try):
            pending = [*node.body, *pending, *node.orelse]


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _parameters(function: ast.FunctionDef) -> str:
    """`(a, b=None)`, without annotations."""
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            extra.annotation = None
    return f"({ast.unparse(arguments)})"


def _signature(definition: ast.AST) -> str | dict[str, str] | None:
    """A function's parameters, or those of a class's public methods."""
    if isinstance(definition, ast.FunctionDef):
        return _parameters(definition)
    if isinstance(definition, ast.ClassDef):
        methods = [m for m in definition.body if isinstance(m, ast.FunctionDef)]
        return {m.name: _parameters(m) for m in methods if m.name == "__init__" or not m.name.startswith("_")}
    return None


def record(wheel_path: Path) -> Signatures:
    """`module:name` to its parameters, and the operator schemas."""
    package, version = wheel_path.name.split("-")[:2]
    wheel, names = Wheel(wheel_path), {}
    for module in MODULES["flashinfer" if package.startswith("flashinfer") else "sgl_kernel"]:
        for name in wheel.names(module):
            definition = wheel.definition(module, name)
            signature = _signature(definition) if definition is not None else None
            if signature is not None:
                names[f"{module}:{name}"] = signature
    schemas = {schema.split("(")[0]: schema for member in BINARIES for schema in wheel.schemas(member)}
    return {
        "package": package.replace("_", "-"),
        "version": version,
        "source": f"https://pypi.org/project/{package.replace('_', '-')}/{version}/",
        "names": dict(sorted(names.items())),
        "schemas": dict(sorted(schemas.items())),
    }


def main() -> None:
    """Record every wheel of WHEELS."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, help="folder of wheels downloaded before")
    folder = parser.parse_args().wheels
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary)
            for wheel in WHEELS:
                download = ("pip", "download", *_PLATFORM, "--dest", temporary, wheel)
                subprocess.run([sys.executable, "-m", *download], check=True)
        OUTPUT.mkdir(parents=True, exist_ok=True)
        for wheel in WHEELS:
            name, _, version = wheel.partition("==")
            path = next(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
            output = OUTPUT / f"{name}-{version}.json"
            output.write_text(json.dumps(record(path), indent=0) + "\n")
            print(f"{output.name}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
