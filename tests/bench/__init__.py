"""`python -m tests.bench`: our rates, each beside the same rows written bare, in alternating slices of one run."""
