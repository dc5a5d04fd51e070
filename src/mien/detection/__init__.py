"""Face detection: the protocol, the registry of face finders by name, and one module for each of them."""
