"""The program of a job on a site's node, started by ansible-runner; of any Python 3, so that an old one is named."""

import os
import subprocess
import sys

NEEDED = (3, 11)
PERFORM = "perform"


def main() -> None:
    """Perform the job of the folder above this file, in a process that outlives this one only to clear away.

    ansible-runner kills this one, and its group, when it is told to end.
    """
    if sys.version_info < NEEDED:
        sys.exit("python3 there is %d.%d; Coffre needs %d.%d" % (*sys.version_info[:2], *NEEDED))  # noqa: UP031
    project = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - any Python 3 reads it
    if sys.argv[1:] != [PERFORM]:
        again = ["setpriv", "--pdeathsig=TERM", sys.executable, "-IS", os.path.abspath(__file__), PERFORM]  # noqa: PTH100
        sys.exit(subprocess.run(again, start_new_session=True, check=False).returncode)
    sys.path.insert(0, os.path.join(project, "lib"))  # noqa: PTH118
    from coffre.agents.sites.node import perform

    perform.main(os.path.dirname(project))  # noqa: PTH120


if __name__ == "__main__":
    main()
