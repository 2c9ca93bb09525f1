"""From files, variables and --set to a checked environment, a playbook and a plan. Imports no adapter."""
