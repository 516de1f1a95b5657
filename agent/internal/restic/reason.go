package restic

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// stackPlace is where a call stands, in the stacks that restic prints with errors it did not expect and with its end
	// in a panic: "\t/src/internal/archiver/file.go:123 +0x1f". The line above names the function.
	stackPlace = regexp.MustCompile(`^\s*\S+\.(go|s):[0-9]+( \+0x[0-9a-f]+)?$`)
	goroutine  = regexp.MustCompile(`^goroutine [0-9]+ .*:$`)
)

// OneLine writes a message of restic's on one line, all of it but its call stacks.
func OneLine(message string) string { return onOneLine(strings.Split(message, "\n")) }

// onOneLine joins the lines of one message: what ends in a colon is followed by its list. Call stacks are left out.
func onOneLine(lines []string) string {
	var kept []string
	for _, line := range lines {
		switch {
		case stackPlace.MatchString(line):
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			continue
		case goroutine.MatchString(line):
			continue
		}
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "Fatal: "), "Warning: ")
		if line != "" && !slices.Contains(kept, line) {
			kept = append(kept, line)
		}
	}
	var message strings.Builder
	for index, line := range kept {
		if index == reasonLines {
			message.WriteString("; …")
			break
		}
		switch {
		case index == 0:
		case strings.HasSuffix(kept[index-1], ":"):
			message.WriteString(" ")
		default:
			message.WriteString("; ")
		}
		message.WriteString(line)
	}
	return message.String()
}
