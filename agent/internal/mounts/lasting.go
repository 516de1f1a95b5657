package mounts

import "slices"

// passing are file systems that come and go with programs and sessions, and what holds other systems' programs.
var passing = []string{"overlay", "aufs", "squashfs", "iso9660", "fuse.snapfuse", "autofs"}

// passingPlaces are where what is mounted comes and goes: sessions, containers, media that people carry.
var passingPlaces = []string{
	"/run", "/dev", "/proc", "/sys", "/tmp", "/snap", "/media", "/var/lib/docker", "/var/lib/containers",
	"/var/lib/kubelet", "/var/lib/containerd", "/var/lib/lxc", "/var/lib/lxd", "/var/lib/flatpak",
}

// lastingLimit is how many mounts in one path are named.
const lastingLimit = 100

// LastingIn are the mount points in a path that should still be there tomorrow.
func (t Table) LastingIn(path string) []string {
	var points []string
	for _, mount := range t.all {
		isPassing := slices.Contains(passing, mount.Type) || slices.Contains(kernelMade, mount.Type) ||
			slices.Contains(windows, mount.Type) || slices.ContainsFunc(passingPlaces, func(place string) bool {
			return isWithin(mount.Point, place) && !isWithin(path, place)
		})
		if mount.Point != path && isWithin(mount.Point, path) && !isPassing && len(points) < lastingLimit {
			points = append(points, mount.Point)
		}
	}
	slices.Sort(points)
	return points
}
