"""Generate the Python code of the protos, or (--check) prove that what is committed is what they say.

buf/validate/validate.proto ships in no wheel: its descriptor is taken from the protovalidate wheel and handed to
protoc and buf as a descriptor set, so that nothing is downloaded.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
TARGET = ROOT / "clients" / "python"
RELEASED = PROTO / "released.binpb"
PACKAGES = ("wallet", "buf")
OPTIONS_PROTO = "buf/validate/validate.proto"


def programs(name: str) -> str:
    """Return the path of a program of this environment."""
    return str(Path(sys.executable).parent / name)


def run(*argv: str) -> None:
    """Run a program quietly; end with its words if it fails."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    if result.returncode:
        sys.exit(f"{Path(argv[0]).name} {argv[1]}:\n{result.stdout}{result.stderr}".rstrip())


def protoc(*argv: str) -> None:
    """Run the protoc of grpcio-tools with the well-known protos on its path."""
    run(sys.executable, "-m", "grpc_tools.protoc", *argv)


def sources() -> list[str]:
    """Return the proto files as protoc names them."""
    return sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto"))


def known_protos(folder: Path) -> Path:
    """Write a descriptor set of everything that our protos import, validate.proto among it."""
    own = FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    imports = sorted({*own.dependency, "google/protobuf/timestamp.proto"})
    path = folder / "known.binpb"
    include = str(resources.files("grpc_tools") / "_proto")
    protoc(f"-I{include}", f"--descriptor_set_out={path}", "--include_imports", *imports)
    known = FileDescriptorSet.FromString(path.read_bytes())
    known.file.append(own)
    path.write_bytes(known.SerializeToString())
    return path


def image(folder: Path, known: Path) -> Path:
    """Write the image of our protos that buf lints and compares."""
    path = folder / "image.binpb"
    protoc(
        f"--descriptor_set_in={known}", f"-I{PROTO}", "--include_source_info", "--include_imports",
        f"--descriptor_set_out={path}", *sources(),
    )  # fmt: skip
    return path


def generate(folder: Path, known: Path) -> None:
    """Generate messages, stubs and services into the folder."""
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
    plugins = [f"--plugin=protoc-gen-{n}={programs('protoc-gen-' + n)}" for n in ("mypy", "mypy_grpc")]
    stubs = [f"--mypy_out=quiet:{folder}", f"--mypy_grpc_out=quiet:{folder}"]
    protoc(f"--descriptor_set_in={known}", f"-I{PROTO}", *plugins, *outputs, *stubs, *sources())
    protoc(
        f"--descriptor_set_in={known}",
        *plugins[:1],
        f"--python_out={folder}",
        f"--mypy_out=quiet:{folder}",
        OPTIONS_PROTO,
    )
    for package in (folder / "wallet", folder / "wallet" / "v1"):
        (package / "__init__.py").touch()
    for proto in sources():
        if "\nservice " not in (PROTO / proto).read_text():
            for unneeded in folder.glob(proto.replace(".proto", "_pb2_grpc.py*")):
                unneeded.unlink()
    for marker in ("wallet", "buf"):
        (folder / marker / "py.typed").touch()


def differing(left: Path, right: Path) -> list[str]:
    """Name the files that differ between two trees."""
    names = {
        str(p.relative_to(base))
        for base in (left, right)
        for p in base.rglob("*")
        if p.suffix in {".py", ".pyi"}
    }
    return sorted(
        n
        for n in names
        if not (left / n).exists()
        or not (right / n).exists()
        or not filecmp.cmp(left / n, right / n, shallow=False)
    )


def main() -> None:
    """Generate, check, or mark the present API as released."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if generated code is out of date"
    )
    parser.add_argument(
        "--release", action="store_true", help="make the present API the one that may not break"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = known_protos(folder)
        current = image(folder, known)
        run(programs("buf"), "lint", str(current), "--path", "wallet", "--config", str(PROTO / "buf.yaml"))
        if RELEASED.exists() and not chosen.release:
            run(
                programs("buf"),
                "breaking",
                str(current),
                "--against",
                str(RELEASED),
                "--config",
                str(PROTO / "buf.yaml"),
                "--exclude-imports",
            )
        out = folder / "out"
        out.mkdir()
        generate(out, known)
        if chosen.check:
            run(programs("buf"), "format", str(PROTO), "--exit-code", "--diff")
            stale = [p for package in PACKAGES for p in differing(out / package, TARGET / package)]
            if stale:
                sys.exit(f"generated code is out of date (make generate): {', '.join(stale)}")
            return
        run(programs("buf"), "format", str(PROTO), "--write")
        for package in PACKAGES:
            shutil.rmtree(TARGET / package, ignore_errors=True)
            shutil.copytree(out / package, TARGET / package)
        if chosen.release:
            protoc(
                f"--descriptor_set_in={known}",
                f"-I{PROTO}",
                "--include_imports",
                f"--descriptor_set_out={RELEASED}",
                *sources(),
            )


if __name__ == "__main__":
    main()
