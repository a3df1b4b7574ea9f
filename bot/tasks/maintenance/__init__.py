"""A schedule's turn: a change that the repository's own file asks for, in the schedule's one pull request
(`steps.py` is the face; `tasks/schedules.py` begins turns)."""
