"""What holds for every test.

Hypothesis tries the same cases in every run, so that a red run means the change under test. To look for new ones:
`make test ARGS="tests/editing --hypothesis-profile=explore"`.
"""

from hypothesis import settings

settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", max_examples=2_000, deadline=None)
settings.load_profile("steady")
