"""What this machine is and what it can do: processors, memory, number formats, energy."""
