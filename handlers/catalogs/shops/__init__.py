"""What shops and feeds export, turned into our columns: a module for each that takes more than a table."""
