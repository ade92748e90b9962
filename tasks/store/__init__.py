"""Sources in, Parquet and vectors between stages, DuckDB at the end."""
