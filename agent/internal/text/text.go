// Package text makes what others wrote fit for a journal, a terminal and a report: one printable line, bounded.
package text

import (
	"strings"
	"unicode"
)

// Line returns text as one line of at most limit characters. Blanks and line ends of any kind become one blank each run;
// what would move the cursor, colour the terminal or turn the direction of writing becomes U+FFFD. A cut is shown by "…"
// and never goes through a character.
func Line(text string, limit int) string {
	letters := make([]rune, 0, min(len(text), limit+1))
	blank := false
	for _, letter := range text { // A byte that is no UTF-8 comes as U+FFFD.
		if unicode.IsSpace(letter) {
			blank = len(letters) > 0
			continue
		}
		if blank {
			letters, blank = append(letters, ' '), false
		}
		letters = append(letters, visible(letter))
		if len(letters) > limit {
			return strings.TrimSpace(string(letters[:limit-1])) + "…"
		}
	}
	return string(letters)
}

// Name returns the name of a file with everything visible: each character that cannot be shown becomes U+FFFD, blanks
// stay as they are.
func Name(name string) string { return strings.Map(visible, name) }

func visible(letter rune) rune {
	if unicode.IsPrint(letter) || letter == '\u00a0' || letter == '\u202f' {
		return letter
	}
	return unicode.ReplacementChar
}
