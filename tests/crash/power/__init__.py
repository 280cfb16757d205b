"""Power cuts and failing disks, below SQLite: what the library writes is recorded, and rebuilt as a cut could have left it.

    python -m tests.crash.power --images 1000

A child works a store under load while a VFS of ours stands between SQLite and the system (vfs.py) and records every write,
truncation, sync and deletion, with what was asked and acknowledged in the same sequence (recording.py, marked.py). For a cut
after any operation the disk is rebuilt with everything that had been synced and any part of what had not (disk.py); the store
must open it, hold what was acknowledged, and go on working (ladder.py, judge.py).
"""
