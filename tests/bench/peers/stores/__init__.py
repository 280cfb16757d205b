"""Places where peers keep their jobs, each emptied before a measurement."""
