"""From a project to a running, renewing service: the steps that the command line, a scheduler and a rehearsal call."""
