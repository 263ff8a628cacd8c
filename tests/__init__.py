"""Tests; a package, so that none in site-packages by this name is taken for it."""
