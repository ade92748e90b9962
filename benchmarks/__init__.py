"""What each claim of speed is measured by: `python -m benchmarks.NAME`, last line one JSON object."""
