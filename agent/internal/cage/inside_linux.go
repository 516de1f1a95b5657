package cage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"coffre.invalid/agent/internal/files"
)

// messages is the descriptor on which the inside says why it did not become the program.
const messages = 3

// exitNotRun is for who looks at the process alone.
const exitNotRun = 97

// Bounds of the two file systems in memory: small files, and what restic writes aside.
const (
	rootSize      = "size=16m,mode=0755"
	temporarySize = "size=64m,mode=0700"
	fileLimit     = 4 << 20
)

// base is where the new root is put together: a folder that each Linux has, and that nothing is read from afterwards.
const base = "/tmp"

const confined = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// Main never returns when the process was called as Name: it becomes the program, or ends having said why not.
func Main(line []string) {
	if len(line) != 2 || line[0] != Name {
		return
	}
	// Root, capabilities and descriptors are those of one thread until it becomes the program.
	runtime.LockOSThread()
	err := enter([]byte(line[1]))
	told := message{Text: err.Error()}
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) {
		told = message{Step: unavailable.Step, Errno: unavailable.Errno}
	} else if errors.Is(err, ErrChanged) {
		told = message{Changed: true}
	}
	body, err := json.Marshal(told)
	if err == nil {
		_, _ = unix.Write(messages, body) // Whoever started this reads its exit code otherwise.
	}
	os.Exit(exitNotRun)
}

func enter(encoded []byte) error {
	var plan Plan
	if err := json.Unmarshal(encoded, &plan); err != nil {
		return err
	}
	unix.CloseOnExec(messages)
	if err := try("unshare", unix.Unshare(unix.CLONE_NEWNS)); err != nil {
		return err
	}
	// Nothing that is mounted from here on is seen by anybody else.
	if err := try("private mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); err != nil {
		return err
	}
	// Opened in this namespace, since no other's folder can be bound here, and before anything covers their names.
	folder, err := openHeld(plan)
	if err != nil {
		return err
	}
	binary, err := openProgram(plan)
	if err != nil {
		return err
	}
	contents, err := readFiles(plan.Files)
	if err != nil {
		return err
	}
	if err := furnish(folder, binary, contents); err != nil {
		return err
	}
	if err := moveIn(); err != nil {
		return err
	}
	if err := weaken(); err != nil {
		return err
	}
	environment := os.Environ()
	return fmt.Errorf("run %s: %w", program, syscall.Exec(program, append([]string{"restic"}, plan.Arguments...), environment))
}

// try turns a refusal by the system into the answer that there is no cage here.
func try(step string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &UnavailableError{step, errno}
	}
	return err
}

func openHeld(plan Plan) (*os.File, error) {
	folder, err := files.Folder{}.Open(plan.Folder)
	var unsafe *files.UnsafeError
	if errors.As(err, &unsafe) || errors.Is(err, os.ErrNotExist) {
		return nil, ErrChanged
	}
	if err != nil {
		return nil, err
	}
	facts, err := folder.Stat()
	if err != nil {
		return nil, err
	}
	device, inode, err := identity(facts)
	if err == nil && (device != plan.Device || inode != plan.Inode) {
		err = ErrChanged
	}
	return folder, err
}

// openProgram opens the very file that is run and holds it to its SHA-256.
func openProgram(plan Plan) (*os.File, error) {
	file, err := os.OpenFile(plan.Program, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return nil, err
	}
	if found := hex.EncodeToString(digest.Sum(nil)); found != plan.SHA256 {
		return nil, fmt.Errorf("%s is not the expected program: its SHA-256 is %s, not %s", plan.Program, found,
			plan.SHA256)
	}
	return file, nil
}

func readFiles(wanted map[string]string) (map[string][]byte, error) {
	contents := map[string][]byte{}
	for inside, outside := range wanted {
		file, err := os.OpenFile(outside, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(file, fileLimit))
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		contents[inside] = body
	}
	return contents, nil
}

// furnish puts the new root together in memory: folder, program, files.
func furnish(folder, binary *os.File, contents map[string][]byte) error {
	if err := try("mount tmpfs", unix.Mount("tmpfs", base, "tmpfs", confined, rootSize)); err != nil {
		return err
	}
	for inside, body := range contents {
		path := base + inside
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, body, 0o444)); err != nil {
			return err
		}
	}
	err := errors.Join(os.Mkdir(base+Target, 0o700), os.Mkdir(base+Temporary, 0o700), os.WriteFile(base+program, nil, 0o500))
	if err != nil {
		return err
	}
	if err := unix.Fchdir(int(folder.Fd())); err != nil {
		return err
	}
	if err := bind(".", base+Target, confined|flagsOf(folder)); err != nil {
		return err
	}
	opened := "/proc/self/fd/" + strconv.Itoa(int(binary.Fd()))
	if err := bind(opened, base+program, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY); err != nil {
		return err
	}
	if err := try("mount tmpfs", unix.Mount("tmpfs", base+Temporary, "tmpfs", confined, temporarySize)); err != nil {
		return err
	}
	return try("read-only root", unix.Mount("", base, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|confined, ""))
}

func bind(source, place string, flags uintptr) error {
	if err := try("bind mount", unix.Mount(source, place, "", unix.MS_BIND, "")); err != nil {
		return err
	}
	return try("bind mount's flags", unix.Mount("", place, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""))
}

// flagsOf are the flags of the folder's own mount that a second one must not lose.
func flagsOf(folder *os.File) uintptr {
	var facts unix.Statfs_t
	if unix.Fstatfs(int(folder.Fd()), &facts) != nil {
		return 0
	}
	// The kernel says them by the numbers that it takes.
	return uintptr(facts.Flags) & (unix.MS_RDONLY | unix.MS_NOATIME | unix.MS_NODIRATIME)
}

// moveIn makes the new root the only one: the old is not even a name any more.
func moveIn() error {
	if err := unix.Chdir(base); err != nil {
		return err
	}
	if err := try("pivot_root", unix.PivotRoot(".", ".")); err != nil {
		return err
	}
	if err := try("leave the old root", unix.Unmount(".", unix.MNT_DETACH)); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// kept are the capabilities without which owners, modes, devices and attributes do not come back. None of them leads out
// of a root. SYS_ADMIN, which attributes of the kind trusted.* need, is kept where all else that it allows can be closed.
var kept = []int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_SETFCAP, unix.CAP_MKNOD,
}

// weaken takes everything else from this thread and from whatever it becomes.
func weaken() error {
	// A crash must not leave secrets in a file.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	if err := try("no_new_privs", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); err != nil {
		return err
	}
	var keep uint64
	for _, capability := range kept {
		keep |= 1 << capability
	}
	if closeCalls() {
		keep |= 1 << unix.CAP_SYS_ADMIN
	}
	for capability := range 64 {
		if keep&(1<<capability) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // This kernel knows no more.
		}
		if err := try("bounding set", err); err != nil {
			return err
		}
	}
	// Kernels before 4.3 have no ambient set to clear.
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	return limitCapabilities(keep)
}

func limitCapabilities(keep uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	for index := range sets {
		permitted := sets[index].Permitted & uint32(keep>>(32*index))
		sets[index] = unix.CapUserData{Effective: permitted, Permitted: permitted}
	}
	return unix.Capset(&header, &sets[0])
}
