package repository

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coffre.invalid/agent/internal/report"
	"coffre.invalid/agent/internal/storage"
	"coffre.invalid/agent/internal/testkit/realrestic"
	"coffre.invalid/agent/internal/testkit/s3double"
)

// office is a repository that the real restic has made, with one snapshot, and a reader of it.
type office struct {
	server   *s3double.Server
	reader   *Reader
	snapshot string
	objects  map[string][]byte
}

// made are the objects and the caches of one repository a format version: making one takes seconds.
var made = map[string]office{}

func newOffice(t *testing.T, version string) office {
	t.Helper()
	first, known := made[version]
	if !known {
		first = makeOffice(t, version)
		made[version] = first
	}
	server := s3double.Start(t)
	for key, body := range first.objects {
		server.Put(key, body)
	}
	reader := *first.reader
	reader.Store = openClient(t, server)
	return office{server: server, reader: &reader, snapshot: first.snapshot}
}

func makeOffice(t *testing.T, version string) office {
	t.Helper()
	server := s3double.Start(t)
	// Kept until all tests have ended, not this one alone.
	folder, err := os.MkdirTemp(os.TempDir(), "coffre-repository-")
	if err != nil {
		t.Fatal(err)
	}
	folders = append(folders, folder)
	for _, name := range []string{"a", "b/c", "b/d/e"} {
		path := filepath.Join(folder, "data", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("content of "+name, 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader := &Reader{Store: openClient(t, server), Password: "password", Cache: filepath.Join(folder, "cache")}
	office := office{server: server, reader: reader}
	office.restic(t, "init", "--repository-version", version)
	office.backUp(t)
	if err := reader.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	office.objects = map[string][]byte{}
	for _, key := range server.Keys("") {
		office.objects[key] = server.Get(key)
	}
	return office
}

var folders []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, folder := range folders {
		_ = os.RemoveAll(folder) // What is left is in the system's temporary folder.
	}
	os.Exit(code)
}

func openClient(t *testing.T, server *s3double.Server) *storage.Client {
	t.Helper()
	client, err := storage.Open(storage.Settings{
		Endpoint: server.URL, Region: "default", Bucket: s3double.Bucket, CAFile: server.CAFile, AccessKeyID: "AK",
		SecretAccessKey: "SK",
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (o *office) restic(t *testing.T, arguments ...string) []byte {
	t.Helper()
	arguments = append(arguments, "--cacert", o.server.CAFile, "--cache-dir", o.reader.Cache)
	command := exec.Command(realrestic.Find(t), arguments...)
	command.Env = append(os.Environ(), "RESTIC_REPOSITORY=s3:"+o.server.URL+"/"+s3double.Bucket+"/restic",
		"RESTIC_PASSWORD=password", "AWS_ACCESS_KEY_ID=AK", "AWS_SECRET_ACCESS_KEY=SK")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s %v", arguments, output, err)
	}
	return output
}

func (o *office) backUp(t *testing.T) {
	t.Helper()
	output := o.restic(t, "backup", "--json", filepath.Join(filepath.Dir(o.reader.Cache), "data"))
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	var summary struct {
		SnapshotID string `json:"snapshot_id"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
		t.Fatal(err)
	}
	o.snapshot = summary.SnapshotID
}

func (o office) expect(t *testing.T, wanted report.Integrity, missing int) {
	t.Helper()
	found := o.reader.Check(t.Context(), o.snapshot)
	if found.Integrity != wanted || found.MissingPacks != missing || (found.Why == nil) != (wanted == report.Whole) {
		t.Fatalf("%+v; want %s, %d missing", found, wanted, missing)
	}
}

func TestWhatResticWroteIsWholeInBothVersionsOfItsFormat(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		office := newOffice(t, version)
		office.expect(t, report.Whole, 0)
		office.reader.folder = "" // Without restic's cache everything comes from the storage.
		office.expect(t, report.Whole, 0)
	}
}

func TestEveryPackThatVanishedOrWasCutIsCounted(t *testing.T) {
	office := newOffice(t, "2")
	packs := office.server.Keys("restic/data/")
	first := office.server.Get(packs[0])
	office.server.Delete(packs[0])
	office.expect(t, report.PacksMissing, 1)
	office.server.Put(packs[0], first[:len(first)/4])
	office.expect(t, report.PacksMissing, 1)
	for _, key := range packs {
		office.server.Delete(key)
	}
	office.expect(t, report.PacksMissing, len(packs))
	// restic itself does not notice: it adds nothing and says that all is well.
	office.backUp(t)
	office.expect(t, report.PacksMissing, len(packs))
	office.server.Put(packs[0], first)
	office.expect(t, report.PacksMissing, len(packs)-1)
}

func TestASnapshotThatDoesNotComeBackAsItWasWrittenIsUnreadable(t *testing.T) {
	for name, spoil := range map[string]func(office){
		"snapshot gone":    func(o office) { o.server.Delete(snapshotsKey + o.snapshot) },
		"snapshot altered": func(o office) { o.server.Put(snapshotsKey+o.snapshot, []byte("x")) },
		"index altered": func(o office) {
			o.reader.folder = ""
			o.server.Put(o.server.Keys(indexPrefix)[0], []byte("x"))
		},
		"no index": func(o office) {
			for _, key := range o.server.Keys(indexPrefix) {
				o.server.Delete(key)
			}
		},
		"a folder altered": func(o office) {
			for _, key := range o.server.Keys(dataPrefix) {
				body := slices.Clone(o.server.Get(key))
				for index := range body {
					body[index] ^= 0xff
				}
				o.server.Put(key, body)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			office := newOffice(t, "2")
			spoil(office)
			office.expect(t, report.SnapshotUnreadable, 0)
		})
	}
}

func TestAStorageThatDoesNotAnswerIsNoLoss(t *testing.T) {
	office := newOffice(t, "2")
	office.server.FailWith(func(method, _ string) string { return "SlowDown" })
	office.expect(t, report.Unchecked, 0)
	office.server.FailWith(func(method, key string) string {
		if method == http.MethodGet && strings.HasPrefix(key, "restic/index/") {
			return "AccessDenied"
		}
		return ""
	})
	office.reader.folder = ""
	office.expect(t, report.Unchecked, 0)
	office.server.FailWith(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found := office.reader.Check(ctx, office.snapshot); found.Integrity != report.Unchecked {
		t.Fatalf("%+v", found)
	}
}

// SMILÉO prunes: what the index named when it was read may be gone with it, and something else names what is there now.
func TestAnIndexThatChangedMeanwhileIsReadAgain(t *testing.T) {
	office := newOffice(t, "2")
	indexes := office.server.Keys(indexPrefix)
	// A second index that names a pack which is gone, as one does that a prune is about to drop.
	pack := office.server.Keys(dataPrefix)[0]
	body := office.server.Get(pack)
	office.server.Delete(pack)
	listings := 0
	office.server.FailWith(func(_, key string) string {
		if key == "" { // A listing: index, data, then index again.
			if listings++; listings == 3 {
				office.server.Put(pack, body)
				office.server.Put(indexPrefix+"0000000000000000000000000000000000000000000000000000000000000000",
					office.server.Get(indexes[0]))
			}
			if listings == 4 {
				office.server.Delete(indexPrefix + "0000000000000000000000000000000000000000000000000000000000000000")
			}
		}
		return ""
	})
	office.expect(t, report.Whole, 0)
	if listings < 5 {
		t.Fatal("it was not looked at again")
	}
}

func TestAKeyFileThatAsksForEndlessWorkIsRefused(t *testing.T) {
	for _, body := range []string{
		`{"kdf":"scrypt","N":1073741824,"r":8,"p":1}`, `{"kdf":"scrypt","N":32768,"r":8,"p":100000}`,
		`{"kdf":"scrypt","N":2,"r":1073741824,"p":1}`, `{"kdf":"none","N":2,"r":8,"p":1}`, `{"kdf":"scrypt"}`, "?",
	} {
		if _, err := openKey([]byte(body), "password"); err == nil {
			t.Errorf("%s opened", body)
		}
	}
	office := newOffice(t, "2")
	office.reader.Password = "another"
	if err := office.reader.Open(t.Context()); err == nil || !strings.Contains(err.Error(), errForged.Error()) {
		t.Fatal(err)
	}
}
