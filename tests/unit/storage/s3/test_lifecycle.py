"""Lifecycle rules as a map by id, whichever way RGW spells them."""

from coffre.storage.s3 import lifecycle


def test_rules_say_days_of_versions_locks_and_uploads():
    rules = lifecycle.rules(14)
    assert rules["all"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert rules["all"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert (rules["locks"]["Prefix"], rules["locks"]["Expiration"]) == ("restic/locks/", {"Days": 1})


def test_no_rule_ever_expires_a_current_backup():
    for rule in lifecycle.rules(7).values():
        assert rule["Prefix"] == "restic/locks/" or "Days" not in rule["Expiration"]


def test_what_is_written_reads_back_equal():
    rules = lifecycle.rules(30)
    wanted = {name: lifecycle.normalise(rule) for name, rule in rules.items()}
    assert lifecycle.by_id(reversed(lifecycle.document(rules))) == wanted
    assert all("ID" in rule and "Filter" in rule and "Prefix" not in rule for rule in lifecycle.document(rules))


def test_every_spelling_of_a_prefix_is_one():
    spellings = [
        {"ID": "x", "Status": "Enabled"},
        {"ID": "x", "Status": "Enabled", "Prefix": ""},
        {"ID": "x", "Status": "Enabled", "Filter": {}},
        {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}},
    ]
    assert {str(lifecycle.by_id([rule])) for rule in spellings} == {"{'x': {'Prefix': '', 'Status': 'Enabled'}}"}


def test_a_filter_that_is_more_than_a_prefix_is_kept():
    tagged = {"ID": "x", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}}}
    assert lifecycle.by_id([tagged])["x"]["Filter"] == tagged["Filter"]
    assert lifecycle.document(lifecycle.by_id([tagged])) == [tagged]


def test_the_shortest_rule_that_takes_earlier_versions_of_backups_counts():
    rules = lifecycle.rules(14)
    mine = {"Status": "Enabled", "Prefix": "restic/data/", "NoncurrentVersionExpiration": {"NoncurrentDays": 3}}
    assert lifecycle.find_undelete_days(rules) == 14
    assert lifecycle.find_undelete_days({**rules, "mine": mine}) == 3
    assert lifecycle.find_undelete_days({**rules, "mine": {**mine, "Status": "Disabled"}}) == 14
    assert lifecycle.find_undelete_days({"locks": rules["locks"]}) is None
    assert lifecycle.find_undelete_days({}) is None
