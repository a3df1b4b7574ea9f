"""A review: from a request on a pull request to one review with its findings (`steps.py` is the face)."""
