"""Executable specifications: what sockets show after any sequence of steps, each said in about a page."""
