// Package restore is the command by which a machine's own administrator lists and restores that machine's backups. It
// speaks French, never writes over anything, and asks nobody: the machine's own key and password are enough.
package restore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/listing"
	"coffre.invalid/agent/internal/text"
)

// Name is what the command is called as.
const Name = "sauvegarde-restaurer"

// otherMark stands before what another machine saved under this one's name.
const otherMark = "* "

// Settings are what the command takes from its surroundings.
type Settings struct {
	Paths       config.Paths
	UserID      int
	Environment []string
	Output      io.Writer
	Log         io.Writer
	Zone        *time.Location
}

// Called returns the arguments when a command line is this command: by the name of a link to the agent, or by the first
// word after the agent's own.
func Called(line []string) (arguments []string, called bool) {
	if len(line) > 0 && strings.TrimSuffix(filepath.Base(line[0]), ".exe") == Name {
		return line[1:], true
	}
	if len(line) > 1 && line[1] == Name {
		return line[2:], true
	}
	return nil, false
}

// Here is the machine that this process runs on.
func Here() Settings {
	return Settings{
		Paths: config.Paths{Root: "/"}, UserID: os.Geteuid(), Environment: os.Environ(), Output: os.Stdout,
		Log: os.Stderr, Zone: time.Local,
	}
}

// Main obeys one command line (without the program's name) and returns its exit code: 0 done, 1 failed, 2 wrong usage,
// 4 refused.
func Main(ctx context.Context, arguments []string, settings Settings) int {
	err := obey(ctx, arguments, settings)
	if err == nil {
		return 0
	}
	exit, hint := fault.Describe(err)
	// Nobody is left to tell.
	_, _ = fmt.Fprintf(settings.Log, failure, Name, text.Line(err.Error(), 2*messageLimit))
	if hint != "" {
		_, _ = fmt.Fprintln(settings.Log, hint) // As above.
	}
	return exit
}

type request struct {
	command    string
	positional []string
	target     string
	path       string
}

func obey(ctx context.Context, arguments []string, settings Settings) error {
	asked, err := parse(arguments)
	if err != nil {
		return err
	}
	if asked.command == "" {
		_, err := io.WriteString(settings.Output, usage)
		return err
	}
	// Windows has no user id and says -1: there the files' own access lists decide.
	if settings.UserID > 0 {
		return notRoot(arguments)
	}
	repository, err := open(ctx, settings)
	if err != nil {
		return err
	}
	switch asked.command {
	case listCommand:
		return list(ctx, repository, settings)
	case contentsCommand:
		return contents(ctx, repository, asked, settings)
	default:
		return restore(ctx, repository, asked, settings)
	}
}

// parse reads flags and names in any order.
func parse(arguments []string) (request, error) {
	var asked request
	flags := flag.NewFlagSet(Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&asked.target, targetFlag, "", "")
	flags.StringVar(&asked.path, pathFlag, "", "")
	var words []string
	for rest := arguments; len(rest) > 0; {
		if err := flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return request{}, nil
			}
			return request{}, unknownOption(badOption(err))
		}
		rest = flags.Args()
		if len(rest) > 0 {
			words, rest = append(words, rest[0]), rest[1:]
		}
	}
	if len(words) == 0 || words[0] == helpCommand {
		return request{}, nil
	}
	asked.command, asked.positional = words[0], words[1:]
	return asked, check(asked)
}

// badOption returns the option that the flag package complains of, without its English.
func badOption(err error) string {
	words := strings.Fields(err.Error())
	return words[len(words)-1]
}

func check(asked request) error {
	given := len(asked.positional)
	switch asked.command {
	case listCommand:
		if given > 0 || asked.target != "" || asked.path != "" {
			return fault.Usage(usageOfList, usage)
		}
	case contentsCommand:
		if given < 1 || given > 2 || asked.target != "" || asked.path != "" {
			return fault.Usage(usageOfContents, usage)
		}
		if given == 2 && !strings.HasPrefix(asked.positional[1], "/") {
			return notAbsolute(asked.positional[1])
		}
	case restoreCommand:
		if given != 1 {
			return fault.Usage(usageOfRestore, usage)
		}
		if asked.target == "" {
			return fault.Usage(targetMissing, usage)
		}
		if asked.path != "" && !strings.HasPrefix(asked.path, "/") {
			return notAbsolute(asked.path)
		}
	default:
		return unknownCommand(asked.command)
	}
	return nil
}

func list(ctx context.Context, repository *repository, settings Settings) error {
	snapshots, aside, err := repository.snapshots(ctx)
	if err != nil {
		return err
	}
	var table strings.Builder
	if len(snapshots) == 0 {
		table.WriteString(noneYet)
	} else {
		fmt.Fprintf(&table, "%-10s  %-32s  %10s  %s\n", columns...)
	}
	others := 0
	for _, each := range snapshots {
		mark := ""
		if !each.isOf(repository.tag) {
			mark, others = otherMark, others+1
		}
		date, size := formatDate(each.Time.In(settings.Zone)), formatSize(each.Summary.TotalBytes)
		fmt.Fprintf(&table, "%-10s  %s  %s  %s%s\n", each.ID[:8], pad(date, 32), padLeft(size, 10), mark,
			text.Line(strings.Join(each.Paths, ", "), messageLimit))
	}
	if others > 0 {
		table.WriteString(otherMark + ofOthers)
	}
	if aside > 0 {
		fmt.Fprintf(&table, impossible, aside)
	}
	_, err = io.WriteString(settings.Output, table.String())
	return err
}

func contents(ctx context.Context, repository *repository, asked request, settings Settings) error {
	snapshot, err := repository.find(ctx, asked.positional[0], settings)
	if err != nil {
		return err
	}
	folder := "/"
	if len(asked.positional) == 2 {
		folder = listing.Blur(filepath.ToSlash(filepath.Clean(asked.positional[1])))
	}
	var shown strings.Builder
	found := folder == "/"
	err = repository.check(ctx, snapshot, settings.Zone, func(entry listing.Entry) {
		found = found || entry.Path == folder
		if entry.Path == folder && entry.Type != "dir" || path.Dir(entry.Path) == folder {
			shown.WriteString(describe(entry, settings.Zone))
		}
	})
	if err != nil {
		return err
	}
	if !found {
		return noSuchPath(snapshot, folder, settings.Zone)
	}
	_, err = fmt.Fprintf(settings.Output, heading+"%s", snapshot.ID[:8], formatDate(snapshot.Time.In(settings.Zone)), shown.String())
	return err
}

// describe is one line of what a folder holds.
func describe(entry listing.Entry, zone *time.Location) string {
	name, size := text.Name(entry.Path), formatSize(entry.Size)
	if entry.Type != "file" {
		size = ""
	}
	if entry.Type == "dir" {
		name += "/"
	}
	return fmt.Sprintf("%s  %s  %s\n", padLeft(size, 10), formatTime(entry.ModTime.In(zone)), name)
}

func restore(ctx context.Context, repository *repository, asked request, settings Settings) error {
	target, err := filepath.Abs(asked.target)
	if err != nil {
		return err
	}
	if err := requireFree(target); err != nil {
		return err
	}
	snapshot, err := repository.find(ctx, asked.positional[0], settings)
	if err != nil {
		return err
	}
	wanted := ""
	if asked.path != "" {
		wanted = filepath.ToSlash(filepath.Clean(asked.path))
	}
	found, shown := wanted == "" || wanted == "/", listing.Blur(wanted)
	err = repository.check(ctx, snapshot, settings.Zone, func(entry listing.Entry) { found = found || entry.Path == shown })
	if err != nil {
		return err
	}
	if !found {
		return noSuchPath(snapshot, wanted, settings.Zone)
	}
	folder, err := openTarget(target)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // It was only held.
	summary, err := repository.restore(ctx, snapshot, folder, wanted, settings.Log)
	if err != nil {
		return err
	}
	if summary.FilesRestored == 0 && wanted != "" && wanted != "/" {
		// A name of other bytes that is shown the same.
		return noSuchPath(snapshot, wanted, settings.Zone)
	}
	_, err = fmt.Fprintf(settings.Output, restored, snapshot.ID[:8],
		formatDate(snapshot.Time.In(settings.Zone)), target, summary.FilesRestored, formatSize(summary.BytesRestored))
	return err
}
