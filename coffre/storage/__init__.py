"""The storage room: what a platform is asked to do, and how Ceph RGW does it."""
