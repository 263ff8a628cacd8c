"""Notebook widgets that show an LSTM while it runs."""
