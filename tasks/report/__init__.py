"""The report page in parts, and how values are written on it."""
