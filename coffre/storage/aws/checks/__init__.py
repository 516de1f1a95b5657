"""The check of an AWS account: the first command to run on a real one."""
