"""Figures of a job: those of its report and of its live page, and what they are drawn from."""
