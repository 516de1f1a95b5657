"""A stand-in for Pulumi's AWS plugin, which cannot be had without internet access. For tests only.

The real engine runs the real program of stacks/aws.py against it. It makes the resources of that program by boto3, and
has none of the real plugin's own checks, defaults and waiting.
"""

from pathlib import Path

PLUGIN_FOLDER = Path(__file__).with_name("bin")
"""First on PATH, Pulumi finds the stand-in there, whatever version the program asks for."""

STOP, STOPPED = "TEST_AWS_PLUGIN_STOP", "TEST_AWS_PLUGIN_STOPPED"
"""Where the plugin stops for ever (NAME:before or NAME:after its call to AWS), and where it then writes its pid and
Pulumi's.
"""
