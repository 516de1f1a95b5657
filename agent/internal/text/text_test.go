package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestALineIsPrintableAndEndsInAWholeCharacter(t *testing.T) {
	for given, expected := range map[string]string{
		"":                                  "",
		" \n\t":                             "",
		"\n deux \r\n\u2028 lignes \n":      "deux lignes",
		"\x1b[2Jclair\x07\u202e\u200btaxe":  "�[2Jclair���taxe",
		"caf\xe9":                           "caf�",
		"été":                               "été",
		strings.Repeat("é", 20):             strings.Repeat("é", 20),
		strings.Repeat("é", 21):             strings.Repeat("é", 19) + "…",
		strings.Repeat("é", 19) + "\n":      strings.Repeat("é", 19),
		strings.Repeat("a ", 30) + "\u202e": strings.Repeat("a ", 9) + "a…",
	} {
		if got := Line(given, 20); got != expected {
			t.Errorf("%q: %q, not %q", given, got, expected)
		}
	}
}

func TestANameKeepsItsBlanks(t *testing.T) {
	if got := Name(" deux  mots\n\x1b\xff "); got != " deux  mots��� " {
		t.Errorf("%q", got)
	}
}

// FuzzLine gives anything: what comes out can be shown.
func FuzzLine(f *testing.F) {
	f.Add("a\nb\x1b[0m\xff", 3)
	f.Fuzz(func(t *testing.T, given string, limit int) {
		limit = 1 + abs(limit)%200
		got := Line(given, limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit {
			t.Fatalf("%q with %d: %q", given, limit, got)
		}
		for _, letter := range got {
			if unicode.IsControl(letter) || unicode.Is(unicode.Cf, letter) || letter == '\u2028' || letter == '\u2029' {
				t.Fatalf("%q: %q", given, got)
			}
		}
	})
}

func abs(number int) int {
	if number < 0 {
		return -(number + 1)
	}
	return number
}
