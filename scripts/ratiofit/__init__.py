"""Likelihood ratios of attribution's signals from the lab's captures, and how good they are."""
