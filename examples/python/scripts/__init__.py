"""Command lines of the former Python worker, kept over `ureditd edit`."""
