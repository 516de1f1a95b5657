package listing

import (
	"bytes"
	"path"
	"strings"
	"testing"
)

// FuzzListing takes anything as restic's words. What passes has each path once, below a folder that was there before it.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"id":"x","struct_type":"snapshot"}` + "\n" + `{"name":"a","type":"dir","path":"/a","struct_type":"node"}` +
		"\n" + `{"name":"b","type":"symlink","path":"/a/b","struct_type":"node"}`))
	f.Add([]byte(`{"name":"a","type":"dir","path":"/a","struct_type":"node"}` + "\n" +
		`{"name":"a","type":"symlink","path":"/a","struct_type":"node"}`))
	f.Add([]byte(`{"name":"..","type":"dir","path":"/","struct_type":"node"}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		check, taken := New(Linux), map[string]string{"/": "dir"}
		for line := range bytes.SplitSeq(said, []byte("\n")) {
			entry, isEntry, err := Read(line, "x")
			if err != nil {
				return
			}
			if !isEntry {
				continue
			}
			if check.Take(entry.Path, entry.Name, entry.Type) != nil {
				return
			}
			if check.IsUndecided() {
				return
			}
			if _, twice := taken[entry.Path]; twice || taken[path.Dir(entry.Path)] != "dir" {
				t.Fatalf("%q of %q", entry.Path, taken)
			}
			if path.Clean(entry.Path) != entry.Path || strings.Contains(entry.Name, "/") {
				t.Fatalf("%q", entry.Path)
			}
			taken[entry.Path] = entry.Type
		}
	})
}
