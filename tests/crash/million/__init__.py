"""A million jobs through one process, and what it has held meanwhile: `python -m tests.crash.million --help`."""
