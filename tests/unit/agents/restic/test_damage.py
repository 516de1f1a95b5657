"""What restic's check says of packs, word for word as restic 0.18.1 says it."""

from coffre.agents.restic.repository.damage import list_damaged_packs

LOST, SHORT = "d2" * 32, "18" * 32


def test_lost_and_short_packs_are_told_apart_and_nothing_else_is_taken_for_one() -> None:
    lines = [
        f'{{"message_type":"error","message":"pack {LOST}: does not exist\\n"}}',
        f'{{"message_type":"error","message":"pack {SHORT}: unexpected file size: got 5, expected 6\\n"}}',
        f'{{"message_type":"error","message":"restic repair packs {"aa" * 32}\\nrestic repair snapshots --forget\\n"}}',
        f"Load(<data/{SHORT[:10]}>, 248, 1810) failed: open: no such file",
        '{"message_type":"error","message":5}',
        "[]",
        "rubbish",
        '{"message_type":"exit_error","code":1,"message":"Fatal: repository contains errors"}',
    ]
    assert list_damaged_packs(lines) == {LOST: True, SHORT: False}
