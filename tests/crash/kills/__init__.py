"""SIGKILL under load, again and again, and a judge of what is left: `python -m tests.crash.kills --help`."""
