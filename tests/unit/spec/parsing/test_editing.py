"""A value is changed in the text of a file, and nothing else."""

from coffre.spec.parsing.editing import Setting, show_change, write_setting


def test_comments_and_everything_else_stay() -> None:
    text = "a: 1\nstorage:\n  quota: 10 GiB   # sold\n  # the end\nb: 2\n"
    assert write_setting(text, Setting("storage", "quota", "20 GiB")) == text.replace("10 GiB", "20 GiB")
    assert write_setting(text, Setting("storage", "undelete_days", "9")) == text.replace(
        "# sold\n", "# sold\n  undelete_days: 9\n"
    )
    assert (
        write_setting("storage: {quota: 10 GiB}\n", Setting("storage", "quota", "1 TiB")) == "storage: {quota: 1 TiB}\n"
    )
    assert write_setting("storage: {quota: 10 GiB}\n", Setting("storage", "undelete_days", "9")) is None
    assert write_setting("quota: [", Setting("", "quota", "1 GiB")) is None


def test_a_change_is_shown_as_a_diff() -> None:
    text = "storage:\n  quota: 10 GiB\n"
    assert show_change("tenants/a.yaml", text, text) == ""
    assert show_change("tenants/a.yaml", text, text.replace("10", "20")).splitlines()[-2:] == [
        "-  quota: 10 GiB",
        "+  quota: 20 GiB",
    ]
