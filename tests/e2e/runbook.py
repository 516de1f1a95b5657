"""A document of docs/ as its readers use it: the commands that it types, with the names of a tenant in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.e2e.conftest import REPOSITORY


@dataclass
class Runbook:
    """The commands of a document, by section and step; ``typed`` are those that a test has typed in."""

    path: Path
    programs: str
    names: Mapping[str, str]
    typed: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, name: str, names: Mapping[str, str], programs: str = "coffre") -> Self:
        """Take a document of docs/; ``names`` stand for its words in capitals, ``programs`` is a pattern."""
        return cls(REPOSITORY / "docs" / name, programs, names)

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def commands(self) -> list[str]:
        return self._commands(self.text)

    def section(self, title: str) -> list[str]:
        """Return the commands of a section, in their order."""
        return self._commands(self.body(title))

    def body(self, title: str) -> str:
        found = self.text.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert found, f"the document has no section {title!r}"
        return found

    def step(self, number: int) -> list[str]:
        """Return the commands of a numbered step; the document has one list of them."""
        found = re.search(rf"^{number}\. .*?(?=^\S|\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"the document has no step {number}"
        return self._commands(found.group())

    def _commands(self, text: str) -> list[str]:
        # Blocks of another language than the shell's are files, not commands.
        text = re.sub(r"^ *```(?!sh$)\w+\n.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
        quoted = re.findall(r"```(?:sh)?\n(.*?)```|`([^`]+)`", text, re.DOTALL)
        lines = [line for block, inline in quoted for line in (block.splitlines() or [" ".join(inline.split())])]
        words = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        # A program with one word after it is spoken of, not typed.
        typed = re.compile(rf"(?:{self.programs}) \S+ \S")
        return [
            re.sub(rf"\b(?:{words})\b", lambda name: self.names[name[0]], line) for line in lines if typed.match(line)
        ]
