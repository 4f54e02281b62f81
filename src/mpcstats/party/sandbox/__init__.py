"""All parties on one machine: local runs, the demo and its made-up data, benchmarks."""
