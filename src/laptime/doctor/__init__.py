"""What `laptime doctor` finds out about this machine, and what it advises."""
