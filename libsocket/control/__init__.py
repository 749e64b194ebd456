"""Control messages: what goes with data beside the data, typed in and out. Source: cmsg(3)."""
