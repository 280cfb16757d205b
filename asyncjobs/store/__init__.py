"""Durable truth about jobs: the seam (`base`), its implementations, and the one place that chooses among them (`opening`)."""
