"""The command line: `main` parses the words, one module for each command does the work, imported when it is needed."""
