"""A server under a mixed load for many minutes, looked at once a second: `python -m tests.crash.soak --help`."""
