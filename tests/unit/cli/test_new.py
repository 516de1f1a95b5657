"""`coffre new` as it is typed: on a terminal, with answers from a file, and where nobody could answer."""

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.prepared_command import Run, prepared_command

REPOSITORY = Path(__file__).resolve().parents[3]
COFFRE = Path(sys.executable).with_name("coffre")
ANSWERS = (
    "name: Garage Blanc\n"
    "contract: {reference: BC-2026-0500, signed_on: 2026-11-02, in_service_on: 2026-12-01, siren: '987000114'}\n"
    "contact: {name: Léa Blanc, email: lea@blanc.example, phone: '0476000000'}\n"
    "storage: {platform: lab, quota: 200 Go}\n"
    "licences: {workstation: 1}\n"
    "plans: {office: {paths: [/home], schedule: [daily 19:00], keep: {daily: 30}}}\n"
    "machines: {}\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "platform.yaml").write_bytes((REPOSITORY / "platform.yaml").read_bytes())
    (tmp_path / "tenants").mkdir()
    return tmp_path


def run(root: Path, *arguments: str) -> Run:
    return prepared_command().run(arguments, cwd=root, environment=os.environ, seconds=60)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "tenants").iterdir())


def test_answers_from_a_file_ask_nothing(root: Path) -> None:
    (root / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    done = run(root, "new", "garage-blanc", "--answers", "answers.yaml")
    assert (done.code, done.stderr) == (0, "")
    assert "wrote tenants/garage-blanc.yaml" in done.stdout
    assert run(root, "check").stdout.startswith("1 tenants with 0 machines: no problem")
    again = run(root, "new", "garage-blanc", "--answers", "answers.yaml")
    assert again.code == 4
    assert "already exists" in again.stderr
    assert not (root / ".coffre").exists(), "a look for known ids makes no database"


def test_wrong_answers_write_nothing(root: Path) -> None:
    (root / "answers.yaml").write_text(ANSWERS.replace("200 Go", "200 GB"), encoding="utf-8")
    done = run(root, "new", "garage-blanc", "--answers", "answers.yaml")
    assert done.code == 3
    assert 'answers.yaml:4:33: storage.quota: "200 GB" is ambiguous' in done.stderr
    assert files(root) == []


def test_without_a_terminal_it_says_so_and_ends(root: Path) -> None:
    done = run(root, "new", "garage-blanc")
    assert done.code == 2
    assert "--answers FILE" in done.stderr


def test_the_customers_sheet_is_printed(root: Path) -> None:
    done = run(root, "new", "--print-sheet")
    assert done.code == 0
    assert done.stdout.startswith("FICHE DE COLLECTE")
    assert done.stderr == ""


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.said = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(root)
            os.execv(COFFRE, [str(COFFRE), *arguments])  # noqa: S606

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 30
        while text not in self.said:
            assert self._read(deadline), self.said

    def _read(self, deadline: float) -> bool:
        """Take in what it says; False when it has ended or the deadline has passed."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        try:
            chunk = os.read(self._terminal, 4096) if ready else b""
        except OSError:  # the terminal's other side is closed
            chunk = b""
        self.said += chunk.decode("utf-8", "replace")
        return bool(chunk)

    def answer(self, question: str, text: str) -> None:
        self.wait_for(question)
        self.said = ""
        os.write(self._terminal, f"{text}\n".encode())

    def end(self, key: bytes = b"") -> int:
        """Read to the command's end. A key is pressed again each second, since one before input is waited for
        may be noticed only with the next; no more once it has said so, when it would hit a command that is ending."""
        deadline = time.monotonic() + 30
        while True:
            while (
                key
                and "nothing was written" not in self.said
                and not select.select([self._terminal], [], [], 1)[0]
                and time.monotonic() < deadline
            ):
                os.write(self._terminal, key)
            if not self._read(deadline):
                break
        if time.monotonic() >= deadline:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


QUESTIONS = {
    "Legal name": "Garage Blanc",
    "SIREN": "987000114",
    "Number of the order form": "BC-2026-0500",
    "Signed on": "2026-11-02",
    "Planned first day": "2026-12-01",
    "Last day": "",
    "Distributor": "",
    "Named contact": "Léa Blanc",
    "e-mail": "lea@blanc.example",
    "phone number": "+33 4 76 00 00 00",
    "Time zone": "",
    "Storage platform": "",
    "Storage sold": "200 Go",
    "undone": "",
    "workstations": "0",
    "servers": "0",
    "Upload rate": "20 Mbit/s",
    "Options": "",
    "Name of the backup plan": "",
    "Paths": "",
    "left out": "",
    "Schedule": "",
    "daily": "",
    "weekly": "",
    "monthly": "",
    "yearly": "",
}


def test_on_a_terminal_the_questions_are_asked_and_a_wrong_answer_again(root: Path) -> None:
    terminal = Terminal(root, "new", "garage-blanc")
    for question, text in QUESTIONS.items():
        if question == "Storage sold":
            terminal.answer(question, "200 GB")
            terminal.wait_for("is ambiguous; write 200 GiB")
        terminal.answer(question, text)
    assert terminal.end() == 0, terminal.said
    assert files(root) == ["garage-blanc.yaml"]
    assert run(root, "check").code == 0
    assert "line: {upload: 20 Mbit/s}" in (root / "tenants" / "garage-blanc.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_ctrl_c_writes_nothing(root: Path, key: bytes) -> None:
    terminal = Terminal(root, "new", "garage-blanc")
    terminal.answer("Legal name", "Garage Blanc")
    terminal.wait_for("SIREN")
    assert terminal.end(key) == 130
    assert "nothing was written" in terminal.said
    assert "Traceback" not in terminal.said
    assert files(root) == []
