"""The base model: where it lies, whether it is whole, what shape it has, how it is loaded."""
