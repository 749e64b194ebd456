"""The command line, a module for each command: its arguments, and what it does with them."""
