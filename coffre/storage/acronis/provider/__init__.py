"""`pulumi-resource-acronis`: the Pulumi provider, one file a resource; `dispatch.py` is the map."""
