"""Several processes on one file, at odds with everything: they die, stall, leave and come back, and a judge reads their ledgers.

ledger    what each process was told and did, outside of the database: one file a life
tasks     the jobs: each carries a stamp of what it is, and ends as its kind says
watched   the store's verbs, with a line in the ledger for each
actors    what an application does at random: enqueue, cancel, requeue, pause
child     one life of one process: a whole `Jobs`
parent    starts, kills, stops, sends away and brings back
story     all the ledgers as one
judge     what must hold, from the story and the database
times     how long things took: commits, take-overs
campaign  one torture, from the first start to the verdict
guards    what a life can be made to do without
resets    the load that SQLite's WAL-reset race needs
canaries  the same with a guard removed
"""
