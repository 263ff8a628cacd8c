"""Speed, side by side with what one would use instead: ``python -m benchmarks [NAME ...]``.

Every contestant computes the same thing in the same process on a single thread, and all take turns,
so that whatever else the machine is doing falls on all of them alike. Ratios are the figures to
trust; microseconds are those of the machine that the first line names. Targets stand beside the
figures, and a missed one is reported, never an error.
"""
