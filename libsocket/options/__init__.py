"""Every option, one module per level, each under its C name."""
