"""The commands of `mien`, one module for each kind: what words each takes, and what it does with them."""
