"""How peers talk, without sockets: bytes in, messages out, and where the next bytes belong. Pure."""
