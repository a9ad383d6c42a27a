"""What begins before torch is imported."""
