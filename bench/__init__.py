"""Benchmarks: one file each, run by `./dev bench NAME [--quick] [--json]`; they measure side by side in one run."""
