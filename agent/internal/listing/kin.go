package listing

import (
	"regexp"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// kin are the names of one folder as a system sees them that does not tell all letters apart. Two files of such names are
// the machine's own affair (a case-sensitive disk); one that is a link leads the other one away.
type kin struct {
	seen     map[string]bool
	hasLink  bool
	hasShort bool
}

// shortName is a name that Windows itself gives to long ones: VERYLO~1.TXT.
var shortName = regexp.MustCompile(`^[^.]{1,8}~[0-9]{1,6}(\.[^.]{0,3})?$`)

// clashes takes a name and says whether it is another one's, and either is a link.
func (k *kin) clashes(system System, name, kind string) bool {
	if k.seen == nil {
		k.seen = map[string]bool{}
	}
	isLink := kind == "symlink"
	folded := fold(name)
	wasLink, known := k.seen[folded]
	k.seen[folded] = wasLink || isLink
	k.hasLink = k.hasLink || isLink
	k.hasShort = k.hasShort || shortName.MatchString(name)
	return known && (wasLink || isLink) || system == Windows && k.hasLink && k.hasShort
}

func fold(name string) string { return norm.NFD.String(cases.Fold().String(norm.NFD.String(name))) }
