package restore

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
	"time"

	"coffre.invalid/agent/internal/config"
	"coffre.invalid/agent/internal/fault"
	"coffre.invalid/agent/internal/restic"
	"coffre.invalid/agent/internal/storage"
)

const (
	configKey    = "restic/config"
	configLimit  = 64 << 10
	patience     = 10 * time.Second
	endGrace     = 15 * time.Second
	lineLimit    = 1 << 20
	exitPassword = 12
)

// Snapshot is one backup of this machine.
type Snapshot struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Paths   []string  `json:"paths"`
	Summary struct {
		TotalBytes uint64 `json:"total_bytes_processed"`
	} `json:"summary"`
}

type node struct {
	Path       string    `json:"path"`
	Type       string    `json:"type"`
	Size       uint64    `json:"size"`
	ModTime    time.Time `json:"mtime"`
	StructType string    `json:"struct_type"`
}

type summary struct {
	FilesRestored uint64 `json:"files_restored"`
	BytesRestored uint64 `json:"bytes_restored"`
}

// repository runs restic over this machine's own repository. Secrets go by environment only.
type repository struct {
	binary      string
	arguments   []string
	environment []string
	credentials config.Credentials
}

// open reads the agent's configuration and asks the storage one thing: restic would try for 15 minutes to reach one that
// is away or refuses.
func open(ctx context.Context, settings Settings) (*repository, error) {
	machine, credentials, err := config.Load(settings.Paths)
	if err != nil {
		return nil, fault.Failed(fmt.Sprintf("l'agent de sauvegarde n'est pas bien installé sur cette machine (%v)", err),
			askSmileo)
	}
	client, err := storage.Open(storage.Settings{
		Endpoint: machine.Endpoint, Region: machine.Region, Bucket: machine.Bucket, CAFile: machine.CAFile,
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
	})
	if err != nil {
		return nil, fault.Failed(fmt.Sprintf("l'agent de sauvegarde n'est pas bien installé sur cette machine (%v)", err),
			askSmileo)
	}
	err = storage.Retry(ctx, patience, func(ctx context.Context) error {
		_, err := client.Get(ctx, configKey, configLimit)
		return err
	})
	if err != nil {
		return nil, explainStorage(err)
	}
	command := restic.Command{
		Repository: machine.Repository, AccessKeyID: credentials.AccessKeyID,
		SecretAccessKey: credentials.SecretAccessKey, Password: credentials.RepositoryPassword,
		TemporaryFolder: os.TempDir(),
	}
	return &repository{
		binary: settings.Paths.Restic(),
		arguments: []string{
			"--json", "--no-lock", "--cacert", machine.CAFile, "--cache-dir", settings.Paths.Cache(),
			"-o", "s3.bucket-lookup=path", "-o", "s3.region=" + machine.Region,
		},
		environment: command.Environment(settings.Environment),
		credentials: credentials,
	}, nil
}

func explainStorage(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted()
	case errors.Is(err, storage.ErrUnreachable):
		return fault.Failed("la plateforme de sauvegarde est injoignable",
			"Vérifiez la connexion Internet de cette machine, puis réessayez ; si cela dure, contactez SMILÉO.")
	case errors.Is(err, storage.ErrAccessDenied):
		return fault.Refused("la sauvegarde est suspendue ou bloquée, contactez SMILÉO", "")
	case errors.Is(err, storage.ErrClockSkewed):
		return fault.Failed("l'horloge de cette machine est fausse de plus d'un quart d'heure",
			"Remettez-la à l'heure, puis réessayez.")
	case errors.Is(err, storage.ErrUntrusted):
		return fault.Refused("le certificat de la plateforme de sauvegarde n'est pas reconnu : rien n'a été échangé", askSmileo)
	case errors.Is(err, storage.ErrNoSuchKey):
		return fault.Failed("cette machine n'a encore aucune sauvegarde", askSmileo)
	}
	return fault.Failed(fmt.Sprintf("la plateforme de sauvegarde a répondu : %v", err), askSmileo)
}

func interrupted() error {
	return fault.Failed("interrompu", "Ce qui a déjà été restauré reste dans le dossier ; recommencez vers un dossier vide.")
}

// snapshots returns this machine's backups, oldest first.
func (r *repository) snapshots(ctx context.Context) ([]Snapshot, error) {
	var text bytes.Buffer
	if err := r.run(ctx, []string{"snapshots"}, func(line []byte) { text.Write(line) }); err != nil {
		return nil, err
	}
	var found []Snapshot
	if err := json.Unmarshal(text.Bytes(), &found); err != nil {
		return nil, fault.Failed("la liste des sauvegardes n'a pas pu être lue", askSmileo)
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].Time.Before(found[b].Time) })
	return found, nil
}

// find returns the backup that is meant: the newest, or the one whose id begins so.
func (r *repository) find(ctx context.Context, wanted string, zone *time.Location) (Snapshot, error) {
	all, err := r.snapshots(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return choose(all, wanted, zone)
}

func choose(all []Snapshot, wanted string, zone *time.Location) (Snapshot, error) {
	if len(all) == 0 {
		return Snapshot{}, fault.Usage("cette machine n'a encore aucune sauvegarde", "")
	}
	newest := all[len(all)-1]
	if wanted == "derniere" || wanted == "dernière" {
		return newest, nil
	}
	var found []Snapshot
	for _, each := range all {
		if wanted != "" && strings.HasPrefix(each.ID, strings.ToLower(wanted)) {
			found = append(found, each)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	problem := "aucune sauvegarde ne commence par « %s »"
	if len(found) > 1 {
		problem = "plusieurs sauvegardes commencent par « %s »"
	}
	return Snapshot{}, fault.Usage(fmt.Sprintf(problem, printable(wanted)), fmt.Sprintf(
		"« %s liste » les affiche ; la dernière est %s, du %s.", Name, newest.ID[:8], formatDate(newest.Time.In(zone))))
}

// list returns a path of a snapshot and, when it is a folder, what is directly in it; nothing when there is no such path.
func (r *repository) list(ctx context.Context, snapshot, path string) ([]node, error) {
	var found []node
	err := r.run(ctx, []string{"ls", snapshot, path}, func(line []byte) {
		var each node
		if json.Unmarshal(line, &each) == nil && each.StructType == "node" {
			found = append(found, each)
		}
	})
	return found, err
}

func (r *repository) restore(ctx context.Context, snapshot, target, path string, onProgress func(float64)) (summary, error) {
	arguments := []string{"restore", "--sparse", "--target", target}
	if path != "" && path != "/" {
		arguments = append(arguments, "--include="+literal(path))
	}
	var done summary
	err := r.run(ctx, append(arguments, snapshot), func(line []byte) {
		var message struct {
			Type        string  `json:"message_type"`
			PercentDone float64 `json:"percent_done"`
			summary
		}
		if json.Unmarshal(line, &message) != nil {
			return
		}
		switch message.Type {
		case "status":
			onProgress(message.PercentDone)
		case "summary":
			done = message.summary
		}
	})
	return done, err
}

// literal keeps restic from reading a path as a pattern.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(path)
}

// run runs restic, hands over its output line by line, and explains in French how it failed.
func (r *repository) run(ctx context.Context, arguments []string, take func([]byte)) error {
	command := exec.CommandContext(ctx, r.binary, append(append([]string{}, r.arguments...), arguments...)...)
	command.Env = r.environment
	command.Cancel = func() error { return endGently(command.Process) }
	command.WaitDelay = endGrace
	complaints := &tail{}
	command.Stderr = complaints
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fault.Failed(fmt.Sprintf("restic ne démarre pas sur cette machine (%v)", reason(err)), askSmileo)
	}
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, lineLimit)
	for scanner.Scan() {
		take(scanner.Bytes())
	}
	// A line too long for us must not keep restic waiting for a reader.
	_, copyErr := io.Copy(io.Discard, output)
	waitErr := command.Wait()
	if ctx.Err() != nil {
		return interrupted()
	}
	var exit *exec.ExitError
	if errors.As(waitErr, &exit) {
		return explainRestic(exit.ExitCode(), r.credentials.Redact(complaints.text()))
	}
	return errors.Join(waitErr, scanner.Err(), copyErr)
}

func explainRestic(code int, complaints string) error {
	lower := strings.ToLower(complaints)
	switch {
	case strings.Contains(lower, "no space left on device"), strings.Contains(lower, "not enough space on the disk"):
		return fault.Failed("il n'y a plus de place sur le disque",
			"Libérez de la place ou choisissez un autre disque, puis recommencez vers un dossier vide.")
	case strings.Contains(lower, "access denied"), strings.Contains(lower, "accessdenied"):
		return fault.Refused("la sauvegarde est suspendue ou bloquée, contactez SMILÉO", "")
	case code == exitPassword:
		return fault.Failed("la sauvegarde ne s'ouvre pas avec le mot de passe de cette machine", askSmileo)
	}
	last := lastMessage(complaints)
	if last == "" {
		last = fmt.Sprintf("code %d", code)
	}
	return fault.Failed(fmt.Sprintf("restic a échoué : %s", printable(last)), askSmileo)
}

// lastMessage returns what restic said last, out of its JSON.
func lastMessage(complaints string) string {
	lines := strings.Split(strings.TrimSpace(complaints), "\n")
	last := lines[len(lines)-1]
	var message struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(last), &message) == nil && message.Message != "" {
		last = message.Message
	}
	return strings.TrimPrefix(last, "Fatal: ")
}

// tailLimit is how much of restic's complaints is kept.
const tailLimit = 64 << 10

// tail keeps the last of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(part []byte) (int, error) {
	t.kept = append(t.kept, part...)
	if excess := len(t.kept) - tailLimit; excess > 0 {
		t.kept = append([]byte(nil), t.kept[excess:]...)
	}
	return len(part), nil
}

func (t *tail) text() string { return string(t.kept) }
