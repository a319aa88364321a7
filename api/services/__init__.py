"""The rules of the door: what is checked, in which order, and what is put on record."""
