"""Tests of laptime.export."""
