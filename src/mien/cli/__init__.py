"""The command line: `main` parses the arguments; each command is a module, which imports what it needs when it runs."""
