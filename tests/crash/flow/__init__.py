"""Everything of time and flow switched on, in several processes on one file, with and without kills."""
