"""What `coffre status` says of the part of a space that is at a vendor's."""

import pytest

from coffre.cli.service.status import _show_part
from coffre.observation.tenant import PartStatus

GO = 10**9


def test_figures_and_licences_are_the_vendor_s(capsys: pytest.CaptureFixture[str]) -> None:
    licences = {"workstation": 4, "server": 0}
    _show_part(PartStatus("acronis", 500 * GO, 40 * GO, 500 * GO, True, 6, licences, {"workstation": 3}))
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("by the vendor's own figure, which may be 6 h old; it stops at 500 Go (465.66 GiB)")
    assert second.endswith("(used of granted): 3 of 4 workstation"), "nobody has bought or uses one for servers"


def test_licences_in_use_that_nobody_granted_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _show_part(PartStatus("acronis", 500 * GO, 0, None, True, 6, {"server": 0}, {"server": 1}))
    said = capsys.readouterr().out
    assert "it sets no hard quota" in said
    assert said.splitlines()[1].endswith("1 of 0 server")


def test_nothing_is_claimed_of_what_the_vendor_did_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    _show_part(PartStatus("acronis", 500 * GO, None, None, True, 6))
    assert capsys.readouterr().out == (
        "  on acronis: use unknown of 500 Go (465.66 GiB): the vendor told nothing of it\n"
    )
