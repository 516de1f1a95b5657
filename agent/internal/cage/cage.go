// Package cage runs one program in a root of its own, in which there is nothing but one folder, the program and a few
// small files: whatever the program is led to write, it writes into that folder.
//
// The inside of the cage is this very program, run again under another name, so that a machine needs no tool for it.
package cage

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Name is what this program is called as when it is to build a cage around itself and become the caged program.
const Name = "coffre-cage"

// Places inside the cage.
const (
	Target      = "/target"
	Temporary   = "/tmp"
	Authorities = "/authorities.pem"
	program     = "/restic"
)

// Plan is a program and what it may see. Nothing in it is secret: secrets go by environment.
type Plan struct {
	// Program is the file that is run, if it has this SHA-256.
	Program string `json:"program"`
	SHA256  string `json:"sha256"`
	// Folder is what Target shows inside; Device and Inode are those of the folder that the caller holds.
	Folder string `json:"folder"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Files are copied to these absolute paths inside; those that are missing outside are left out.
	Files map[string]string `json:"files"`
	// Arguments follow the program's name.
	Arguments []string `json:"arguments"`
}

// UnavailableError says that this system lets nobody build a cage; nothing was run.
type UnavailableError struct {
	Step  string
	Errno syscall.Errno
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("this system allows no cage (%s: %v)", e.Step, e.Errno)
}

func (e *UnavailableError) Unwrap() error { return e.Errno }

// ErrChanged says that another folder has the name of the one that the caller holds; nothing was run.
var ErrChanged = errors.New("the folder was replaced by another one meanwhile")

// Resolver are the files by which names of hosts are looked up, as Plan.Files wants them.
func Resolver() map[string]string {
	files := map[string]string{}
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"} {
		files[path] = path
	}
	return files
}

// Of fills in which folder is held.
func (p Plan) Of(folder *os.File) (Plan, error) {
	facts, err := folder.Stat()
	if err != nil {
		return p, err
	}
	p.Folder = folder.Name()
	p.Device, p.Inode, err = identity(facts)
	return p, err
}
