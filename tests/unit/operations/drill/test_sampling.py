"""A drill's sample is reproducible, bounded, and always holds files that the agent vouched for."""

from coffre.operations.drill.sampling import (
    MAX_ROOTS,
    OTHER_FILES,
    REPORTED_FILES,
    SAMPLE_BYTES,
    ReportedHash,
    SnapshotFile,
    choose_sample,
    find_empty,
)

FILES = [SnapshotFile(f"/home/{number}", 10) for number in range(200)]
REPORTED = [ReportedHash(f"/home/{number}", 10, "0" * 64) for number in range(50)]


def test_the_same_seed_gives_the_same_sample_whatever_the_order() -> None:
    assert choose_sample(FILES, REPORTED, 7) == choose_sample(FILES[::-1], REPORTED[::-1], 7)
    assert choose_sample(FILES, REPORTED, 7) != choose_sample(FILES, REPORTED, 8)


def test_reported_files_are_always_in_it_and_none_twice() -> None:
    sample = choose_sample(FILES, REPORTED, 7)
    assert len(sample.reported) == REPORTED_FILES
    assert len(sample.others) == OTHER_FILES
    assert len(set(sample.paths)) == REPORTED_FILES + OTHER_FILES


def test_a_reported_file_that_the_snapshot_lacks_is_not_asked_for() -> None:
    sample = choose_sample(FILES[:3], [*REPORTED[:1], ReportedHash("/gone", 1, "0" * 64)], 7)
    assert [file.path for file in sample.reported] == ["/home/0"]


def test_a_sample_is_bounded_in_bytes() -> None:
    large = [SnapshotFile(f"/large/{number}", SAMPLE_BYTES // 2) for number in range(10)]
    sample = choose_sample(large, [], 7)
    assert sum(file.size_bytes for file in sample.others) <= SAMPLE_BYTES
    assert len(sample.others) == 2


def test_a_snapshot_without_files_gives_an_empty_sample() -> None:
    assert choose_sample([], [], 7).paths == []


def test_every_path_of_the_plan_has_a_file_in_the_sample_however_few_it_gave() -> None:
    files = [*FILES, SnapshotFile("/srv/only", 10), SnapshotFile("/srvx/other", 10), SnapshotFile("/etc/hosts", 10)]
    for seed in range(20):
        sample = choose_sample(files, REPORTED, seed, ["/home", "/srv", "/etc/hosts"])
        assert {"/srv/only", "/etc/hosts"} <= set(sample.paths)
        assert len(sample.others) == OTHER_FILES
        assert len(set(sample.paths)) == len(sample.reported) + len(sample.others)


def test_a_plan_of_very_many_paths_does_not_make_a_drill_endless() -> None:
    files = [SnapshotFile(f"/p{number}/f", 10) for number in range(500)]
    assert len(choose_sample(files, [], 7, [f"/p{number}" for number in range(500)]).paths) == MAX_ROOTS


def test_paths_without_a_file_are_found() -> None:
    assert find_empty(FILES, ["/home", "/home/7", "/hom", "/", "/srv"]) == ["/hom", "/srv"]
    assert find_empty([], ["/home"]) == ["/home"]
