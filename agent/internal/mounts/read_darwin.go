package mounts

import "syscall"

const noWait = 2

// Read returns what is mounted on this machine, as the kernel remembers it: no file system is asked.
func Read() (Table, error) {
	count, err := syscall.Getfsstat(nil, noWait)
	if err != nil {
		return Table{}, err
	}
	// Some more than there were, for what is mounted meanwhile.
	buffer := make([]syscall.Statfs_t, count+16)
	count, err = syscall.Getfsstat(buffer, noWait)
	if err != nil {
		return Table{}, err
	}
	var table Table
	for index, each := range buffer[:count] {
		table.all = append(table.all, Mount{Point: text(each.Mntonname[:]), Type: text(each.Fstypename[:]), id: index})
	}
	return table, nil
}

func text(letters []int8) string {
	bytes := make([]byte, 0, len(letters))
	for _, letter := range letters {
		if letter == 0 {
			break
		}
		bytes = append(bytes, byte(letter))
	}
	return string(bytes)
}
