"""Codecs of the structures that options carry, by level."""
