package restic

import "os"

// askToEnd kills: Windows has no signal that asks. An error means that it is gone already.
func askToEnd(process *os.Process) { _ = process.Kill() }
