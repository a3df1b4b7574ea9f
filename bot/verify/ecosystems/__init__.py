"""How the runners of each language are called, selected from, and checked with a canary. Pure."""
