"""The checks of `coffre platform check` on a Ceph platform: the measurements, and the rules that judge them."""
