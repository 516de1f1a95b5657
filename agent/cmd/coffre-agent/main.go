// Command coffre-agent runs on a customer's machine: it obeys signed orders from its own bucket, backs up with restic
// and reports. It is called by the machine's scheduler and by whoever deploys it; nothing here asks questions.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"coffre.invalid/agent/internal/apply"
	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/run"
	"coffre.invalid/agent/internal/units"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "dev"

const usage = `usage: coffre-agent COMMAND [--check]

  apply    obey the signed orders in this machine's bucket; --check only says what would change
  run      back up now
  remove   take the schedule and the agent's state off this machine; --check only says what would change
  version  print version, Go version, system and architecture

apply, remove and version print JSON. Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, 5 try again later;
of run: 0 success, 1 failed, 3 partial, 4 quota reached or gate closed, 5 another run is under way.
`

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-signals
		cancel(run.ErrInterrupted)
	}()
	exit, err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		var hint string
		exit, hint = fault.Describe(err)
		fmt.Fprintln(os.Stderr, "coffre-agent:", err)
		if hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
	}
	os.Exit(exit)
}

// execute obeys one command line and returns the exit code of a run; other commands end with 0 or an error.
func execute(ctx context.Context, arguments []string, output, log io.Writer) (int, error) {
	if len(arguments) == 0 {
		return 0, fault.Usage("no command", usage)
	}
	name := arguments[0]
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	// --root is for tests and stays out of the usage: all the agent's files are then below that directory, and units
	// are enabled there without being started.
	root := flags.String("root", "/", "")
	check := false
	if name == "apply" || name == "remove" {
		flags.BoolVar(&check, "check", false, "")
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return 0, fault.Usage(err.Error(), usage)
	}
	if flags.NArg() > 0 {
		return 0, fault.Usage(fmt.Sprintf("%s takes no argument %q", name, flags.Arg(0)), usage)
	}
	paths := config.Paths{Root: *root}
	switch name {
	case "version":
		return 0, print(output, map[string]string{
			"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	case "run":
		_, exit, err := run.Run(ctx, run.Settings{
			Paths: paths, Version: version, Environment: os.Environ(), InvocationID: os.Getenv("INVOCATION_ID"),
			StoragePatience: run.StoragePatience, Log: log,
		})
		return exit, err
	case "apply", "remove":
		return 0, register(ctx, name, paths, check, output)
	}
	return 0, fault.Usage(fmt.Sprintf("unknown command %q", name), usage)
}

func register(ctx context.Context, name string, paths config.Paths, check bool, output io.Writer) error {
	scheduler, err := units.NewScheduler(paths.Root)
	if err != nil {
		return err
	}
	if name == "remove" {
		removal, err := apply.Remove(paths, scheduler, check)
		if err != nil {
			return err
		}
		return print(output, removal)
	}
	result, err := apply.Apply(ctx, paths, scheduler, check)
	if err != nil {
		return err
	}
	return print(output, result)
}

func print(output io.Writer, value any) error { return json.NewEncoder(output).Encode(value) }
