package files

// syncDirectory does nothing: Windows cannot sync a directory, and NTFS journals the rename.
func syncDirectory(string) error { return nil }
