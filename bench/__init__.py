"""Benchmarks, one a file: `./dev bench NAME [--quick] [--json]` measures side by side in one run."""
