"""The commands: one file each; main.py is the door."""
