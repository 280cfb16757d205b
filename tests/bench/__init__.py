"""`python -m tests.bench`: every number to reach, each beside its limit, in alternating slices of one run.

A family of rows is a module with `measure(scale, files)`; `families.py` names them all, `scale.py` says how much of each.
"""
