"""The site: how sockets behave, kernel by kernel. Static files that need no server and ask no other host."""
