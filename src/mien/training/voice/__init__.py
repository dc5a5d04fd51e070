"""Train, evaluate and export the network that recognises emotions in voices."""
