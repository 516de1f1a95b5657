"""A stand-in for the vendor's Linux installer: a `.bin` that takes the documented switches.

It registers with the stand-in of the vendor's cloud, by its control door. It was written from the reference's facts; no
program of the vendor's is in it.

What it leaves: services, the tools that register and uninstall, a log that shows the token as real ones do.
"""

from pathlib import Path

SCRIPT = Path(__file__).with_name("installer.sh")


def make_installer(file: Path, ca_file: Path, release: str) -> Path:
    """Write an installer of a release, like 26.2.41800, that trusts the stand-in cloud's certificates."""
    text = SCRIPT.read_text(encoding="utf-8")
    text = text.replace("@@release@@", release).replace("@@ca@@", ca_file.read_text(encoding="utf-8").strip())
    file.write_text(text, encoding="utf-8")
    file.chmod(0o700)
    return file
