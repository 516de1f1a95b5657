"""Writes what restic says of a small repository that is damaged in each way: `python produce.py RESTIC >said.jsonl`.

One line a run: what was done to which objects, the command, its exit code, and the lines of its standard error.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

PASSWORD = "a password"
KINDS = ("config", "keys", "index", "snapshots", "data")
COMMANDS = (
    ("cat", "config", "--no-lock"),
    ("snapshots", "--no-lock"),
    ("ls", "--no-lock", "latest"),
    ("restore", "--no-lock", "latest", "--target", "restored"),
    ("dump", "--no-lock", "latest", "/source/one"),
    ("check", "--no-lock", "--read-data"),
    ("backup", "source"),
    ("init",),
)


def flip(body: bytes) -> bytes:
    half = len(body) // 2
    return body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]


WAYS: dict[str, Callable[[bytes], bytes] | None] = {
    "gone": None,
    "empty": lambda _: b"",
    "cut to three bytes": lambda body: body[:3],
    "cut in half": lambda body: body[: len(body) // 2],
    "one bit flipped": flip,
    "another text": lambda _: b"<html>no object of restic's</html>" * 9,
}


def run(restic: str, folder: Path, *command: str, password: str = PASSWORD) -> "subprocess.CompletedProcess[bytes]":
    environment = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": password, "HOME": str(folder)}
    line = [restic, "--repo=repository", "--json", "--no-cache", *command]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, timeout=60, check=False)


def tell(
    folder: Path, kind: str, way: str, command: tuple[str, ...], done: "subprocess.CompletedProcess[bytes]"
) -> None:
    if done.returncode == 0:
        return
    said = done.stderr.decode().replace(f"{folder}/", "/").splitlines()
    fields = {"object": kind, "way": way, "command": command[0], "exit_code": done.returncode, "stderr": said}
    sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")


def damage(kind: Path, change: Callable[[bytes], bytes] | None) -> None:
    for path in [kind, *kind.rglob("*")]:
        if path.is_file():
            path.chmod(stat.S_IRWXU)
            if change is None:
                path.unlink()
            else:
                path.write_bytes(change(path.read_bytes()))


def make(restic: str, folder: Path) -> Path:
    (folder / "source").mkdir()
    for name in ("one", "two"):
        (folder / "source" / name).write_bytes(os.urandom(3000))
    for command in (("init",), ("backup", "source")):
        if run(restic, folder, *command).returncode:
            raise SystemExit(f"restic {command[0]} failed")
    return (folder / "repository").rename(folder / "whole")


def main() -> None:
    restic = sys.argv[1]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        whole, damaged = make(restic, folder), folder / "repository"
        for kind, way, command in product(KINDS, WAYS, COMMANDS):
            shutil.copytree(whole, damaged)
            damage(damaged / kind, WAYS[way])
            tell(folder, kind, way, command, run(restic, folder, *command))
            for each in (damaged, folder / "restored"):
                shutil.rmtree(each, ignore_errors=True)
        shutil.copytree(whole, damaged)
        tell(folder, "password", "wrong", COMMANDS[0], run(restic, folder, *COMMANDS[0], password="another"))
        shutil.rmtree(damaged)
        tell(folder, "repository", "never made", COMMANDS[0], run(restic, folder, *COMMANDS[0]))


if __name__ == "__main__":
    main()
