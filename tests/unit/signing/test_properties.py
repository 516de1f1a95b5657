"""What a repository holds is written by whoever may push: a value or a refusal, and no line that nobody sees."""

import hashlib
import io
import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.errors import ExpectedError, RefusedError
from coffre.signing.commits import read_commit
from coffre.signing.objects import Objects
from coffre.signing.signers import group_people, person_of, read_signers
from coffre.signing.ssh import read_signature
from coffre.signing.statements import Act, Statement, read_statement

BOUNDED = settings(max_examples=80, deadline=None)
NAME = "a" * 40
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
COMMIT = (
    b"tree " + b"b" * 40 + b"\nparent " + b"c" * 40 + b"\nauthor Anna <anna@smileo.example> 1790000000 +0100\n"
    b"committer Paul <paul@smileo.example> 1790000000 +0100\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n"
    b" -----END SSH SIGNATURE-----\n\nSay why\n"
)
TREE = b"100644 platform.yaml\0" + b"\x01" * 20 + b"40000 tenants\0" + b"\x02" * 20
SIGNERS = f"anna@smileo.example ssh-ed25519 {KEY} hers\n# a note\n\npaul@smileo.example,p@x.example ssh-ed25519 {KEY}\n"
STATEMENT = Statement(Act.APPROVE, "martin", None, 1, "s" * 64, "h" * 64, date(2026, 11, 28), "anna@x.example", "n")


def mangled(content):
    """The bytes as they should be, some of them replaced or left out, or any bytes at all."""

    @st.composite
    def change(draw):
        changed = bytearray(content)
        for _ in range(draw(st.integers(0, 4))):
            place = draw(st.integers(0, len(changed)))
            changed[place : place + draw(st.integers(0, 30))] = draw(
                st.binary(max_size=8)
                | st.sampled_from([b"\n", b"\n ", b"\0", b"\xff", b"\r", b" ", b"9" * 5000, b"-1", "\u2028".encode()])
            )
        return bytes(changed)

    return st.binary(max_size=80) | change()


@BOUNDED
@given(mangled(COMMIT))
def test_commits(content):
    try:
        commit = read_commit(NAME, content)
    except RefusedError:
        return
    for each in (commit.tree, *commit.parents, commit.author, commit.committer):
        each.encode()
        assert "\n" not in commit.tree
    if commit.signature is not None:
        read_signature(commit.signature)


@pytest.mark.parametrize("wrong", [b"b" * 39 + b"\xff", b"HEAD", b"b" * 64, b"b" * 40 + b"\n " + b"d" * 40])
@pytest.mark.parametrize("field", [b"b" * 40, b"c" * 40])
def test_a_commit_names_objects_by_their_hashes_alone(field, wrong):
    """git takes other names too, and a second line would be a second question."""
    with pytest.raises(RefusedError, match="not written as git writes commits"):
        read_commit(NAME, COMMIT.replace(field, wrong))


def test_an_address_that_is_no_text_is_nobodys_and_can_be_shown():
    commit = read_commit(NAME, COMMIT.replace(b"anna@", b"ann\xe9@"))
    assert commit.author == "ann\ufffd@smileo.example"


def test_a_header_of_a_million_lines_is_read_in_passing():
    commit = read_commit(NAME, COMMIT.replace(b" AAAA\n", b" A\n" * 1_000_000))
    assert commit.signature is not None
    assert read_signature(commit.signature) is None


class Requests(io.BytesIO):
    """What is asked of git."""


def objects_that_answer(answer):
    return Objects(Requests(), io.BufferedReader(io.BytesIO(answer)))


@BOUNDED
@given(mangled(f"{NAME} commit {len(COMMIT)}\n".encode() + COMMIT + b"\n"))
def test_what_git_answers_is_held_against_the_name(answer):
    with pytest.raises(ExpectedError):
        objects_that_answer(answer).commit(NAME)


@BOUNDED
@given(mangled(TREE))
def test_trees(tree):
    name = hashlib.sha1(b"tree %d\0" % len(tree) + tree, usedforsecurity=False).hexdigest()
    commit = read_commit(NAME, COMMIT.replace(b"b" * 40, name.encode()))
    answer = f"{name} tree {len(tree)}\n".encode() + tree + b"\n"
    found = objects_that_answer(answer).find_file(commit, "platform.yaml")
    assert found is None or set(found) <= set("0123456789abcdef")


def test_a_commit_larger_than_any_of_people_is_refused():
    """All commits of a history are kept while it is read."""
    large = COMMIT + b"x" * 300_000
    name = hashlib.sha1(b"commit %d\0" % len(large) + large, usedforsecurity=False).hexdigest()
    with pytest.raises(ExpectedError, match="has 300"):
        objects_that_answer(f"{name} commit {len(large)}\n".encode() + large + b"\n").commit(name)


@BOUNDED
@given(mangled(SIGNERS.encode()))
def test_allowed_signers(content):
    signers, unread = read_signers(content)
    people = group_people(signers)
    for signer in signers:
        signer.line.encode("ascii")
        assert people[person_of(signer.name)] == people[signer.fingerprint]
    assert all(1 <= each.number <= content.count(b"\n") + 1 for each in unread)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"])
def test_a_comment_hides_no_key(end):
    """Who reviews the change sees a comment; OpenSSH, too, ends a line at its line feed alone."""
    hidden = f"# keys of the office{end}mallory@x.example ssh-ed25519 {KEY}\n"
    assert read_signers(hidden.encode()) == ([], [])
    after = f"anna@smileo.example ssh-ed25519 {KEY} hers{end}mallory@x.example ssh-ed25519 {KEY}\n"
    assert [each.principals for each in read_signers(after.encode())[0]] in ([("anna@smileo.example",)], [])


def test_a_namespace_is_ascii():
    line = f'anna@smileo.example namespaces="é" ssh-ed25519 {KEY}\n'
    assert read_signers(line.encode())[0] == []


@BOUNDED
@given(st.text(max_size=200) | mangled(b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----")
       .map(lambda content: content.decode("utf-8", "surrogateescape")))  # fmt: skip
def test_signatures(text):
    found = read_signature(text)
    if found is not None:
        found.text.encode("ascii")
        found.namespace.encode("ascii")


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))


@BOUNDED
@given(st.text(max_size=80) | st.dictionaries(st.sampled_from([*vars(STATEMENT)]), ODD, max_size=4).map(
    lambda changes: json.dumps({**json.loads(STATEMENT.text), **changes}, sort_keys=True, separators=(",", ":"))
))  # fmt: skip
def test_statements(text):
    found = read_statement(text)
    if found is not None:
        assert found.text == text
        assert all(isinstance(each, str) for each in (found.tenant, found.person, found.subject, found.head))
        assert isinstance(found.departure, int)
        person_of(found.person)


def test_a_statement_is_read_as_it_was_written():
    assert read_statement(STATEMENT.text) == STATEMENT
