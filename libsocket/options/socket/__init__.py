"""Options of every socket: level SOL_SOCKET."""
