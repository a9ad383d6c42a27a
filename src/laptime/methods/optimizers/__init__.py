"""Optimizers that a method brings along. Unlike the methods they import torch at their top."""
