"""The two programs of a machine, by its system: their paths here, and their required hashes."""

from dataclasses import dataclass
from pathlib import Path

from coffre import toolchain
from coffre.agents.restic.inventory import Installable
from coffre.errors import ExpectedError
from coffre.spec.tenant import OperatingSystem

AGENT = "coffre-agent"
RESTIC = "restic"
CROSS_BUILD = "tools/cross-build.sh"

# One processor per system, since orders name one restic by its hash: every Mac since 2020 has Apple's own.
_BUILDS = {OperatingSystem.WINDOWS: "windows-amd64", OperatingSystem.MACOS: "darwin-arm64"}


@dataclass(frozen=True)
class AgentPrograms:
    """The two programs of a machine, and the SHA-256 that each must have (None: the file's own)."""

    agent: Path
    restic: Path
    agent_sha256: str | None = None
    restic_sha256: str | None = None

    suffix: str = ""

    @classmethod
    def find(cls, system: OperatingSystem = OperatingSystem.LINUX) -> "AgentPrograms":
        """Find a system's programs; ExpectedError names the command to run when one was never built."""
        if system is OperatingSystem.LINUX:
            return cls(toolchain.find_tool(AGENT), toolchain.find_tool(RESTIC))
        suffix = ".exe" if system is OperatingSystem.WINDOWS else ""
        return cls(
            _of_build(AGENT + suffix, _BUILDS[system]), _of_build(RESTIC + suffix, _BUILDS[system]), suffix=suffix
        )

    def installables(self) -> list[Installable]:
        """Return both with their hashes; ExpectedError when a file is not the expected program."""
        return [
            _installable(AGENT + self.suffix, self.agent, self.agent_sha256),
            _installable(RESTIC + self.suffix, self.restic, self.restic_sha256),
        ]


def list_restic_builds() -> dict[str, Path]:
    """Return restic for every available system, by system and processor: at least this computer's own."""
    found = {toolchain.own_build(): AgentPrograms.find().restic}
    for name in (RESTIC, f"{RESTIC}.exe"):
        for build, program in toolchain.list_carried(name).items():
            found.setdefault(build, program)
    for folder in sorted((toolchain.cache_directory() / "cross").glob("*-*")):
        for program in (folder / RESTIC, folder / f"{RESTIC}.exe"):
            if program.is_file():
                found.setdefault(folder.name, program)
    return found


def _of_build(name: str, build: str) -> Path:
    """Return a program for another system: the wheel's, else the one that was built on this computer."""
    carried = toolchain.find_carried(name, build)
    if carried is not None:
        return carried
    path = toolchain.cache_directory() / "cross" / build / name
    if not path.is_file():
        raise ExpectedError(
            f"{name} for {build} was never built on this computer: {path} is missing",
            f"Run `{CROSS_BUILD}` in a checkout, or install a wheel that carries it (`make wheel`), then run the same "
            "command again; nothing was sent to any machine.",
        )
    return path


def _installable(name: str, path: Path, expected_sha256: str | None) -> Installable:
    found = toolchain.sha256_program(path)
    if expected_sha256 is not None and found != expected_sha256:
        raise ExpectedError(
            f"{path} is not the {name} that should be installed: its SHA-256 is {found}, expected {expected_sha256}",
            "Build it again with `make setup`; nothing was sent to any machine.",
        )
    return Installable(name, path, found)
