"""One process's claim on work: loops with one duty each, and what they share. Sees a Store, never which one."""
