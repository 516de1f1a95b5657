"""`agent: acronis`: the vendor's agent on a machine, installed by Ansible, seen and steered by the vendor's API.

Its machines have no bucket, no orders and no repository that SMILÉO could open. `settings` is what it needs to know,
`kind` is its driver.
"""
