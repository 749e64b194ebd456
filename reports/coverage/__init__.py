"""What of a kernel's own source the claims reach: kept, assessed against a plan, drawn."""
