"""One thin file a command: arguments in, a call, an exit code out."""
