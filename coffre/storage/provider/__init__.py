"""What Coffre's own Pulumi providers have in common; each one is in the room of its kind of storage, `…/provider`.

`fields` and `inputs` say what inputs may be, `resource` how one resource is looked for, adopted, refused and changed,
`package` what a whole provider has, `schema` tells it to Pulumi, `shell` speaks Pulumi's protocol, `server` is the
process. Nothing here knows a kind of storage.
"""
