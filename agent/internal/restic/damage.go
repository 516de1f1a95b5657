package restic

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Part is what of a repository is gone or damaged.
type Part int

// Parts, in the order in which all that follows hangs on them.
const (
	// Nothing is known to be damaged.
	Nothing Part = iota
	Config
	Key
	Index
	SnapshotFile
	Pack
	// Unknown: restic itself broke off, and did not say over what.
	Unknown
)

// Damage is what of a repository is not as it was written; Gone says that it is not there at all.
type Damage struct {
	Part Part
	Gone bool
}

const (
	objectID = `[0-9a-f]{8,64}`
	absent   = `no such file or directory|The specified key does not exist|does not exist`
	cutShort = `file is too short|unexpected EOF|invalid data returned|checksum`
	reading  = `(?:Load|LoadRaw|ReadFull)\(<data/` + objectID + `>[^)]*\)`
)

// sayings are restic 0.18's own words; names of files stand behind what failed, and no saying begins with one.
var sayings = []struct {
	damage  Damage
	pattern *regexp.Regexp
}{
	{Damage{Config, true}, regexp.MustCompile(`create key in repository at .* failed: repository already contains`)},
	{Damage{Config, false}, regexp.MustCompile(`config or key [0-9a-f]+ is damaged|config file has zero size|\.LoadConfig\(`)},
	{Damage{Key, false}, regexp.MustCompile(`LoadRaw\(<key/` + objectID + `>\)|\.(?:LoadKey|OpenKey)\(`)},
	{Damage{Index, false}, regexp.MustCompile(`LoadRaw\(<index/` + objectID + `>\)|error loading index ` + objectID + `|\.(?:LoadIndex|DecodeIndex)\(`)},
	{Damage{SnapshotFile, false}, regexp.MustCompile(`LoadRaw\(<snapshot/` + objectID + `>\)|\.LoadSnapshot\(`)},
	{Damage{Pack, true}, regexp.MustCompile(reading + `[^\n]*(?:` + absent + `)|(?:` + absent + `)[^\n]*\nReadFull\(<data/` + objectID + `>\)`)},
	{Damage{Pack, false}, regexp.MustCompile(reading + `[^\n]*(?:` + cutShort + `)|file is too short\nReadFull\(<data/` + objectID +
		`>\)|decrypting blob <[^>]*> from ` + objectID + ` failed|tree ` + objectID + ` could not be loaded; the repository could be damaged`)},
	{Damage{Index, true}, regexp.MustCompile(`(?:id|tree) ` + objectID + ` (?:not found in repository|is not known; the repository could be damaged)`)},
}

var thread = regexp.MustCompile(`^goroutine \d+ \[`)

// rank is where a damage stands among the sayings.
func rank(damage Damage) int {
	for place, saying := range sayings {
		if saying.damage == damage {
			return place
		}
	}
	return len(sayings)
}

// FindDamage returns what restic's complaints say is damaged; the part that all others hang on when there are several.
func FindDamage(complaints string) Damage {
	var found Damage
	for line := range strings.SplitSeq(complaints, "\n") {
		found = worse(found, damageIn([]byte(line)))
	}
	return found
}

func worse(one, other Damage) Damage {
	switch {
	case one.Part == Nothing:
		return other
	case other.Part == Nothing || rank(one) <= rank(other):
		return one
	}
	return other
}

// damageIn returns what one line says.
func damageIn(line []byte) Damage {
	if thread.Match(line) {
		return Damage{Part: Unknown}
	}
	var message struct {
		Item  string `json:"item"`
		Text  string `json:"message"`
		Error *struct {
			Text string `json:"message"`
		} `json:"error"`
	}
	text, ofFile := string(line), false
	if json.Unmarshal(line, &message) == nil {
		text = message.Text
		if message.Error != nil {
			text, ofFile = strings.TrimPrefix(message.Error.Text, message.Item+": "), true
		}
	}
	for _, saying := range sayings {
		if at := saying.pattern.FindStringIndex(text); at != nil && (at[0] == 0 || !ofFile) {
			return saying.damage
		}
	}
	return Damage{}
}

// JudgeRemains returns what is gone of a repository that restic does not find, or opens with no key: its exit codes do
// not tell one that never was, or another password, from that. A key file alone is what an initialisation leaves that was
// cut off.
func JudgeRemains(code int, hasConfig, hasKeys, hasBackups bool) Damage {
	switch {
	case code == ExitNoRepository && !hasConfig && hasBackups:
		return Damage{Config, true}
	case code == ExitWrongPassword && !hasKeys:
		return Damage{Key, true}
	}
	return Damage{}
}

// NeedsALook says whether an exit code may mean that part of the repository is gone.
func NeedsALook(code int) bool { return code == ExitNoRepository || code == ExitWrongPassword }

var parts = map[Part]string{
	Config: "the repository's config", Key: "the repository's key file", Index: "the repository's index",
	SnapshotFile: "the file of a snapshot", Pack: "a pack of the repository", Unknown: "something in the repository",
}

// ExplainDamage says in one sentence what is damaged and what to do; reason is restic's own sentence.
func ExplainDamage(damage Damage, reason string) string {
	ending := " is damaged"
	if damage.Gone {
		ending = " is gone"
	}
	if damage.Part == Config || damage.Part == Key {
		ending += ", its password is not the cause"
	}
	if reason != "" {
		reason = " (" + reason + ")"
	}
	return parts[damage.Part] + ending + reason +
		"; the bucket keeps it and its earlier versions: coffre verify lists all damage, coffre undelete brings back the" +
		" state of a time before the damage"
}
