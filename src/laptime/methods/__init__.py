"""What is trained: one file a method. `method.py` holds the seam."""
