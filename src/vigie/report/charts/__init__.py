"""Charts, one pure function each: aggregated numbers in, an unthemed ``altair`` chart out. Grouped by subject."""
