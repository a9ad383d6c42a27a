"""What a job will take before it runs, from shapes, this machine's speed and its past runs."""
