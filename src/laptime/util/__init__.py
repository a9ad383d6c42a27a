"""Files that are whole or absent, strict readers of what others wrote, versions."""
