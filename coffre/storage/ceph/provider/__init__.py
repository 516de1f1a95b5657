"""`pulumi-resource-rgw`: the Pulumi provider, one file a resource; `dispatch.py` is the map."""
