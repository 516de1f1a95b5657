package units

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"coffre.invalid/agent/internal/fault"
)

// callTimeout covers stopping a running backup.
const callTimeout = 3 * time.Minute

// call runs a program of the system and returns what it said; hint says where to look when it fails.
func call(hint, program string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		text := strings.TrimSpace(complaint.String())
		return "", fault.Failed(fmt.Sprintf("%s %s: %v: %s", filepath.Base(program), strings.Join(arguments, " "), err, text),
			hint)
	}
	return strings.TrimSpace(string(output)), nil
}
