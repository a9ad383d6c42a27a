"""Laptime: race full fine-tuning, LoRA and their relatives on your own data."""

__version__ = "0.1.0"
