"""What the end-to-end tests, the demo and the benchmarks are made of: real processes, watched and always ended."""
