// Command coffre-agent runs on a customer's machine: it obeys signed orders from its own bucket, backs up with restic
// and reports. It is called by the machine's scheduler and by whoever deploys it; nothing here asks questions.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/cage"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/enrol"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/into"
	"coffre.invalid/agent/internal/restore"
	"coffre.invalid/agent/internal/run"
	"coffre.invalid/agent/internal/text"
	"coffre.invalid/agent/internal/units"
	"coffre.invalid/agent/internal/update"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

// lineLimit bounds what is written to the journal at once: part of it may be in others' words.
const lineLimit = 2000

const usage = `usage: coffre-agent COMMAND [--check]

  apply    apply the signed orders in this machine's bucket; --check only reports what would change; with
           --reports-after N and --check-ins-after M, numbers continue above these, even if this machine has lost its own;
           --check --key ID also compares the credentials: the id of the access key, and whether the password opens the
           repository
  pull     apply newer orders, if there are any; if that fails, the last orders stay in force and the next report says why
  run      back up now; with --pull, apply newer orders first
  remove   remove the schedule and the agent's state from this machine; --check only reports what would change;
           with --all, remove the configuration and the programs too
  enrol    install the agent on a machine that nobody can reach, with the invitation on standard input; with --wait 15m,
           how long it waits for the answer; it may be run again at any point
  version  print version, Go version, system and architecture

apply, remove and version print JSON. Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, 5 try again later;
of run: 0 success, 1 failed, 3 partial, 4 quota reached or gate closed, 5 another run is in progress.
`

func main() {
	cage.Main(os.Args) // Returns unless it was started to become what runs in a cage.
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-signals
		cancel(run.ErrInterrupted)
	}()
	if arguments, called := restore.Called(os.Args); called {
		os.Exit(restore.Main(ctx, arguments, restore.Here()))
	}
	if len(os.Args) > 1 && os.Args[1] == into.Name {
		os.Exit(into.Main(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "enrol" {
		os.Exit(enrolled(ctx, config.Paths{Root: "/"}, os.Args[2:]))
	}
	exit, err := execute(ctx, config.Paths{Root: "/"}, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		var hint string
		exit, hint = fault.Describe(err)
		fmt.Fprintln(os.Stderr, "coffre-agent:", text.Line(err.Error(), lineLimit))
		if hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
	}
	os.Exit(exit)
}

// execute obeys one command line and returns the exit code of a run; other commands end with 0 or an error.
func execute(ctx context.Context, paths config.Paths, arguments []string, output, log io.Writer) (int, error) {
	if len(arguments) == 0 {
		return 0, fault.Usage("no command", usage)
	}
	name := arguments[0]
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var check, all, pull bool
	var key string
	var seen apply.Seen
	if name == "apply" || name == "remove" {
		flags.BoolVar(&check, "check", false, "")
	}
	if name == "apply" {
		flags.Int64Var(&seen.Reports, "reports-after", 0, "")
		flags.Int64Var(&seen.CheckIns, "check-ins-after", 0, "")
		flags.StringVar(&key, "key", "", "")
	}
	if name == "remove" {
		flags.BoolVar(&all, "all", false, "")
	}
	if name == "run" {
		flags.BoolVar(&pull, "pull", false, "")
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return 0, fault.Usage(err.Error(), usage)
	}
	if flags.NArg() > 0 {
		return 0, fault.Usage(fmt.Sprintf("%s takes no argument %q", name, flags.Arg(0)), usage)
	}
	switch name {
	case "version":
		return 0, print(output, map[string]string{
			"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	case "run":
		if pull {
			return pullAndBackUp(ctx, paths, log)
		}
		return backUp(ctx, paths, os.Getenv("INVOCATION_ID"), log)
	case "apply", "pull", "remove":
		return 0, register(ctx, command{name, paths, check, all, seen, key}, output, log)
	}
	return 0, fault.Usage(fmt.Sprintf("unknown command %q", name), usage)
}

// backUp makes a backup in this start by the scheduler, empty for none.
func backUp(ctx context.Context, paths config.Paths, invocation string, log io.Writer) (int, error) {
	outcome, err := run.Run(ctx, run.Settings{
		Paths: paths, Version: version, Environment: os.Environ(), InvocationID: os.Getenv("INVOCATION_ID"),
		StoragePatience: run.StoragePatience, Log: log,
		MaintenancePatience: run.MaintenancePatience, MaintenancePause: run.MaintenancePause,
	})
	return outcome.Exit, errors.Join(err, update.Finish(paths, invocation, err))
}

// invocation is the start of the service that this process is the first of, empty when a person calls: their shell may
// have the service's that it runs in.
func invocation() string {
	started, isSaid := os.LookupEnv("SYSTEMD_EXEC_PID")
	if isSaid && started != strconv.Itoa(os.Getpid()) {
		return ""
	}
	return os.Getenv("INVOCATION_ID")
}

// pullAndBackUp is for schedulers that call one program: whatever the pull says, the backup is made.
func pullAndBackUp(ctx context.Context, paths config.Paths, log io.Writer) (int, error) {
	scheduler, err := units.NewScheduler(paths.Root)
	if err != nil {
		return 0, err
	}
	this := rand.Text()
	pulled, err := apply.Pull(ctx, apply.Settings{Paths: paths, Scheduler: scheduler, Version: version, Invocation: this})
	tell(log, pulled, err)
	if pulled.Removing {
		return 0, nil
	}
	tendBaits(paths, log)
	exit, err := backUp(ctx, paths, this, log)
	if pulled.Generation > 0 {
		// launchd ends a job that is registered anew: whatever it still has to be told, it is told now.
		err = errors.Join(err, scheduler.Outside("apply"))
	}
	return exit, err
}

// tendBaits tells the journal when bait files cannot be kept; a backup is made all the same.
func tendBaits(paths config.Paths, log io.Writer) {
	if err := run.TendBaits(paths); err != nil {
		_, _ = fmt.Fprintln(log, text.Line("bait files: "+err.Error(), lineLimit)) // There is nobody else to tell.
	}
}

// enrolled enrols this machine and returns the exit code. Whoever reads it works for the customer.
func enrolled(ctx context.Context, paths config.Paths, arguments []string) int {
	err := enrolHere(ctx, paths, arguments)
	if err == nil {
		return fault.ExitDone
	}
	exit, hint := fault.Describe(err)
	fmt.Fprintf(os.Stderr, "coffre-agent : %s\n", text.Line(err.Error(), lineLimit))
	if hint != "" {
		fmt.Fprintln(os.Stderr, hint)
	}
	return exit
}

func enrolHere(ctx context.Context, paths config.Paths, arguments []string) error {
	flags := flag.NewFlagSet("enrol", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	wait := flags.Duration("wait", enrol.DefaultWait, "")
	if err := flags.Parse(arguments); err != nil {
		return fault.Usage(err.Error(), usage)
	}
	if flags.NArg() > 0 || *wait < 0 || *wait > enrol.LongestWait {
		return fault.Usage(fmt.Sprintf("enrol takes --wait, of at most %s, and nothing else", enrol.LongestWait), usage)
	}
	if !enrol.IsAdministrator() {
		return enrol.NeedsAdministrator()
	}
	scheduler, err := units.NewScheduler(paths.Root)
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	return enrol.Run(ctx, enrol.Settings{
		Paths: paths, Scheduler: scheduler, Version: version, Executable: executable, Wait: *wait, Pause: enrol.Pause,
		Input: os.Stdin, Output: os.Stdout,
	})
}

// tell writes to the journal what a pull did.
func tell(log io.Writer, pulled apply.Pulled, err error) {
	var lines []string
	if pulled.Generation > 0 && !pulled.Removing {
		lines = append(lines, fmt.Sprintf("generation %d is in force now", pulled.Generation))
	}
	if pulled.Removing {
		lines = append(lines, "the agent is being removed, as its orders say")
	}
	if pulled.Delivery > 0 {
		lines = append(lines, fmt.Sprintf("configuration %d was delivered and counts now", pulled.Delivery))
	}
	if pulled.Agent != "" {
		lines = append(lines, fmt.Sprintf("agent %s was delivered and is in its place now", pulled.Agent))
	}
	if pulled.Note != "" {
		lines = append(lines, pulled.Note)
	}
	if err != nil {
		lines = append(lines, "orders: "+err.Error())
	}
	for _, line := range lines {
		// The journal is a convenience; there is nobody to tell when it is gone.
		_, _ = fmt.Fprintln(log, text.Line(line, lineLimit))
	}
}

type command struct {
	name       string
	paths      config.Paths
	check, all bool
	seen       apply.Seen
	key        string
}

func register(ctx context.Context, command command, output, log io.Writer) error {
	scheduler, err := units.NewScheduler(command.paths.Root)
	if err != nil {
		return err
	}
	settings := apply.Settings{
		Paths: command.paths, Scheduler: scheduler, Version: version, Seen: command.seen, Key: command.key,
	}
	switch command.name {
	case "pull":
		settings.Invocation, settings.IsBackupNext = invocation(), true
		pulled, err := apply.Pull(ctx, settings)
		tell(log, pulled, nil)
		if !pulled.Removing {
			tendBaits(command.paths, log)
		}
		return err
	case "remove":
		remove := apply.Remove
		if command.all {
			remove = apply.RemoveAll
		}
		removal, err := remove(command.paths, scheduler, command.check)
		if err != nil {
			return err
		}
		return print(output, removal)
	}
	result, err := apply.Apply(ctx, settings, command.check)
	if err != nil {
		return err
	}
	return print(output, result)
}

func print(output io.Writer, value any) error { return json.NewEncoder(output).Encode(value) }
