package run

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/identity"
	"coffre.invalid/agent/internal/orders"
	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/restic"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// minutes is so long after noon.
func minutes(count int) time.Time { return noon.Add(time.Duration(count) * time.Minute) }

func pointer[T any](value T) *T { return &value }

// begun is a run that has not taken any step.
func begun() run {
	return run{
		settings:    Settings{Version: "1.2.3"},
		machine:     config.Machine{TenantID: "t1", Machine: "ws1"},
		credentials: config.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret-key", RepositoryPassword: "password"},
		identity:    identity.Identity{HostName: "host", BootedAt: pointer(minutes(-60))},
		id:          "run", startedAt: noon,
	}
}

// everything are the findings of a run in which each step found something to tell.
func everything() findings {
	document := &orders.Document{Orders: orders.Orders{Generation: 5, Restic: orders.Restic{Version: "0.18.1"}}}
	outcome := restic.Outcome{ExitCode: pointer(3)}
	return findings{
		memory:  memory{notes: []string{"memory"}},
		orders:  inForce{document: document, failure: &apply.Failure{Generation: 6, Reason: "no zone"}, notes: []string{"orders"}},
		storage: answers{generation: 7, missing: &snapshot{"lost", minutes(-30)}, clockOffset: pointer(9.0), notes: []string{"storage"}},
		backup: backup{
			summary:    &restic.Summary{SnapshotID: "new", DataAdded: 9, DataAddedPacked: 64 << 20, TotalBytesProcessed: 2, TotalFilesProcessed: 3},
			took:       32 * time.Second,
			unreadable: []string{"/x"}, missingPacks: 4, samples: []report.Sample{{Path: "/s"}},
			paths:   judgedPaths{reported: []report.Path{{Path: "/p"}}, count: 201},
			changes: &report.Changes{FilesNew: 1}, bait: &report.Bait{Intact: 2},
			facts: facts{outcome: outcome, unreadable: 21, integrity: report.PacksMissing},
			notes: []string{"backup"},
		},
		verdict:  verdict{report.Partial, "verdict", 3},
		sighting: sighting{at: pointer(minutes(-10)), notes: []string{"sighting"}},
		clock:    clock{pointer(1.5), pointer(minutes(-50))}, finishedAt: minutes(2),
	}
}

func TestTheReportSaysWhatEachStepFound(t *testing.T) {
	want := report.Report{
		Version: 1, TenantID: "t1", Machine: "ws1", RunID: "run", StartedAt: noon, FinishedAt: minutes(2),
		Result: report.Partial, Message: "verdict; memory; orders; storage; backup; sighting",
		SnapshotID: pointer("new"), ResticExitCode: pointer(3), BytesAdded: 64 << 20, BytesProcessed: 2, FilesProcessed: 3,
		Unreadable: []string{"/x"}, UnreadableCount: 21, AgentVersion: "1.2.3", ResticVersion: "0.18.1",
		GenerationApplied: 5, GenerationSeen: 7, AccessKeyID: "AK", FailedGeneration: pointer(int64(6)),
		FailedGenerationReason: "no zone", OrdersSeenAt: pointer(minutes(-10)), ClockOffsetSeconds: pointer(1.5),
		MissingSnapshotID: pointer("lost"), MissingSnapshotAt: pointer(minutes(-30)),
		Identity: &identity.Identity{HostName: "host", BootedAt: pointer(minutes(-50))},
		Samples:  []report.Sample{{Path: "/s"}}, Paths: []report.Path{{Path: "/p"}}, PathsCount: 201,
		Integrity: report.PacksMissing, MissingPacks: 4, BytesNew: 9, Changes: &report.Changes{FilesNew: 1},
		Bait: &report.Bait{Intact: 2}, UploadBytesPerSecond: pointer(int64(2 << 20)),
	}
	got := begun().compose(everything())
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nis not\n%+v", got, want)
	}
	for index := range reflect.TypeFor[report.Report]().NumField() {
		// The number is given by what keeps the report.
		if name := reflect.TypeFor[report.Report]().Field(index).Name; name != "Number" && reflect.ValueOf(got).Field(index).IsZero() {
			t.Errorf("nothing is said in %s", name)
		}
	}
}

func TestARunThatEndedAtItsFirstStepSaysThatAlone(t *testing.T) {
	started := begun()
	got := started.compose(findings{verdict: failed("no orders"), finishedAt: minutes(1)})
	want := report.Report{
		Version: 1, TenantID: "t1", Machine: "ws1", RunID: "run", StartedAt: noon, FinishedAt: minutes(1),
		Result: report.Failed, Message: "no orders", AgentVersion: "1.2.3", AccessKeyID: "AK", Identity: &started.identity,
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nis not\n%+v", got, want)
	}
}

func TestARunThatStoredLittleSaysNothingAboutTheLine(t *testing.T) {
	for _, test := range []struct {
		stored uint64
		took   time.Duration
		want   *int64
	}{
		{0, time.Second, nil}, {measuredBytes - 1, time.Second, nil}, {measuredBytes, 0, nil},
		{measuredBytes, 16 * time.Second, pointer(int64(1 << 20))},
		{1 << 40, 1, pointer(int64(1 << 52))},
	} {
		if got := uploadRate(test.stored, test.took); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: %v", test, got)
		}
	}
	found := everything()
	found.backup.summary.DataAddedPacked = 1
	body, err := begun().compose(found).Encode()
	if err != nil || strings.Contains(string(body), "upload_bytes_per_second") {
		t.Fatalf("%v %s", err, body)
	}
}

func TestTheNewestGenerationIsSeenWhereverItIs(t *testing.T) {
	for _, test := range []struct{ applied, failed, onStorage, want int64 }{
		{5, 0, 0, 5}, {5, 0, 4, 5}, {5, 0, 6, 6}, {5, 6, 0, 6}, {5, 6, 5, 6}, {5, 6, 7, 7},
	} {
		found := everything()
		found.orders.document.Orders.Generation, found.storage.generation = test.applied, test.onStorage
		found.orders.failure = nil
		if test.failed > 0 {
			found.orders.failure = &apply.Failure{Generation: test.failed}
		}
		if got := begun().compose(found); got.GenerationSeen != test.want || got.GenerationApplied != test.applied {
			t.Errorf("%+v: %d of %d", test, got.GenerationSeen, got.GenerationApplied)
		}
	}
}

func TestTheMessageHasNoSecretAndStaysSmall(t *testing.T) {
	found := findings{verdict: verdict{report.Success, "", 0}, memory: memory{notes: []string{"said password"}}}
	found.sighting.notes = []string{"and secret-key", strings.Repeat("x", 2*messageLimit)}
	got := begun().compose(found).Message
	if !strings.HasPrefix(got, "said ***; and ***; xxx") || len([]rune(got)) != messageLimit {
		t.Fatal(got)
	}
}

func TestComposingChangesNothingThatItIsGiven(t *testing.T) {
	started, found := begun(), everything()
	first := started.compose(found)
	if second := started.compose(found); !reflect.DeepEqual(first, second) || !reflect.DeepEqual(started, begun()) ||
		!reflect.DeepEqual(found, everything()) {
		t.Fatalf("%+v %+v", first, second)
	}
}
