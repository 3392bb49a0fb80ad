"""Migrations of the store: `versions/mNNNN_subject.py`, its revision NNNN, its parent the one before."""
