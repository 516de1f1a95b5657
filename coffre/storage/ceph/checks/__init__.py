"""What `coffre platform check` looks at on a Ceph platform: the looking, and the rules that judge what was seen."""
