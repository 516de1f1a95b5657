"""Ceph RGW: Admin Ops and S3 clients, the documents we write, and the Pulumi provider."""
