package restore

import "os"

// endGently ends a process: Windows has no gentler way for one without a window.
func endGently(process *os.Process) error { return process.Kill() }
