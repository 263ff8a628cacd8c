"""A job: its options, its run from the source to the files, what it has come to, and its model."""
