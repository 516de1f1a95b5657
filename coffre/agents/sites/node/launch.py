"""The program of a job on a site's node, started by ansible-runner; of any Python 3, so that an old one is named."""

import os
import sys

NEEDED = (3, 11)


def main() -> None:
    """Perform the job of the folder above this file."""
    project = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - any Python 3 reads it
    if sys.version_info < NEEDED:
        sys.exit("python3 there is %d.%d; Coffre needs %d.%d" % (*sys.version_info[:2], *NEEDED))  # noqa: UP031
    sys.path.insert(0, os.path.join(project, "lib"))  # noqa: PTH118
    from coffre.agents.sites.node import perform

    perform.main(os.path.dirname(project))  # noqa: PTH120


if __name__ == "__main__":
    main()
