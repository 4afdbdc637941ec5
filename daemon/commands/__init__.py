"""Command files: read in a child, each row understood by its command's signature, done exactly once, answered."""
