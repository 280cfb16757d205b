"""`python -m tests.bench.peers`: other job queues and ours, side by side in one command; see README.md."""
