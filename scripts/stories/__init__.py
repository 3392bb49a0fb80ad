"""The stories that scripts/make_stories.py writes."""
