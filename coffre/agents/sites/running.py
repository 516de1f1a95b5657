"""Runs a job on the node of a site, and returns the result for each machine, also when the node is down."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coffre.agents.ansible.events import EventLog, HostOutcome
from coffre.agents.ansible.runner import DEADLINE_SECONDS, OnTask
from coffre.agents.driver import SiteNode
from coffre.agents.reach.ssh import BEGIN_SECONDS
from coffre.agents.sites.carrier import Carrier, Started
from coffre.agents.sites.explaining import explain_broken, explain_problem, explain_silence, explain_unrun
from coffre.agents.sites.job import Job, wanted_ansible
from coffre.agents.sites.node.telling import Told
from coffre.agents.sites.stream import BrokenStreamError, ResultStream, keep_known, read_told
from coffre.errors import ExpectedError, RemoteError
from coffre.outside.processes import EndlessOutputError
from coffre.workspace.private_folder import private_folder

WORDS_LENGTH = 2000
"""How much of what a node prints beside the events is kept: its end, for a reason."""


class SiteRun:
    """One job on the node of one site."""

    def __init__(self, site: SiteNode, job: Job, scratch: Path, on_task: OnTask) -> None:
        self._site, self._job, self._scratch = site, job, scratch
        self._carrier = Carrier(site)
        self._log = EventLog(on_task)
        self._obstacle: ExpectedError | None = None
        self._ended: Mapping[str, Any] | None = None
        self._words = ""

    def cancel(self) -> None:
        """End the job there, from another thread."""
        self._carrier.cancel()

    def run(self) -> dict[str, HostOutcome]:
        """Run the job to its end. A node that is down, lacks a program or breaks off is an obstacle of its machines."""
        with private_folder(self._scratch) as folder:
            try:
                with self._carrier.started([*self._job.luggage.programs.values()]) as started:
                    self._exchange(started, folder)
            except (RemoteError, OSError) as error:
                self._obstacle = self._obstacle or explain_broken(self._site, str(error))
        return {host: self._judge(host) for host in self._job.hosts}

    def _exchange(self, started: Started, folder: Path) -> None:
        from ansible_runner.streaming import Processor

        stream = ResultStream(started.output, f"the node of site {self._site.name}", len(self._job.hosts))
        with started.within(BEGIN_SECONDS):
            kept = stream.skip_to(started.greeting) if started.greeting else []
        if kept is None:
            started.close_input()
            self._obstacle = explain_silence(self._site, started.wait(), started.complained())
            return
        self._job.write(folder / "job", kept)
        with started.within(DEADLINE_SECONDS):
            started.send_job(folder / "job", self._job.playbook, folder)
            shutil.rmtree(folder / "job")
            result = str(folder / "result")
            reader = Processor(
                _input=stream, event_handler=self._take, private_data_dir=result, quiet=True, settings={}
            )
            try:
                reader.run()
            except (BrokenStreamError, EndlessOutputError) as error:
                self._words = self._words or str(error)
                self._obstacle = explain_broken(self._site, str(error))
        self._words = stream.explanation or self._words
        started.close_input()
        if not stream.has_ended and self._obstacle is None:
            self._obstacle = self._explain_end(started)
        elif stream.has_ended:
            started.wait()

    def _explain_end(self, started: Started) -> ExpectedError:
        exit_code, complained = started.wait(), started.complained()
        if self._log.has_begun or started.greeting:
            return explain_broken(self._site, started.transmitted or complained or self._words)
        return explain_silence(self._site, exit_code, complained or self._words)

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Take one event of ansible-runner; False: it writes no file of it."""
        told = read_told(str(event.get("stdout", "")))
        if told is None:
            self._words = f"{self._words}\n{event.get('stdout', '')}"[-WORDS_LENGTH:]
            return False
        name, data = told
        if name == Told.PROBLEM:
            self._obstacle = explain_problem(self._site, data.get("problem"), data.get("detail"), wanted_ansible())
        elif name == Told.ENDED:
            self._ended = data
        else:
            kept = keep_known(name, data, self._job.hosts)
            if kept is not None:
                self._log.add(kept)
        return False

    def _judge(self, host: str) -> HostOutcome:
        if self._log.has_result(host):
            return self._log.outcome(host)
        output = str((self._ended or {}).get("output", ""))
        obstacle = self._obstacle
        if obstacle is None and self._ended is not None and self._log.has_begun:
            return self._log.outcome(host, output)
        if obstacle is None and self._ended is not None:
            obstacle = explain_unrun(self._site, _code(self._ended), output)
        words = obstacle or explain_broken(self._site, self._words)
        sentence = f"{words.message}. {words.hint}" if words.hint else words.message
        # A machine on which something began was reached: nobody knows how far it came.
        return HostOutcome(False, not self._log.has_started(host), (), obstacle=sentence)


def _code(ended: Mapping[str, Any]) -> int:
    code = ended.get("exit_code")
    return code if isinstance(code, int) else -1
