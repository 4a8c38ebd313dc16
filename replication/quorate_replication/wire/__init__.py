"""Between members: the messages, their bytes, and the connections that carry them."""
