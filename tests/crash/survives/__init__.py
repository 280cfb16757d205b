"""Four ways to do work after the answer, each through the same kills: `python -m tests.crash.survives --help`."""
