"""A follow-up: a pull request goes on, by one more commit on its branch (`steps.py` is the face).

How another cause begins one (red CI, a schedule): make a `TaskRequest` with

    kind=TaskKind.FOLLOW_UP, word=CommandWord.FIX, is_pull=True, issue=<the pull request's number>,
    issue_title=..., issue_body=...,          # the pull request's own, from the payload
    instruction="...",                        # what is to be done; material for it goes in fenced, or is fetched
    head=<the commit that it is about>,       # pinned: a head that has moved ends the task as `stale`
    comment_id=0, cause="ci-<something that names it once>",
    requested_by=..., requested_by_id=...,    # on whose authority: asked again before anything is pushed

and hand it to the store as any request (`Deliveries.accept`). Everything else follows: the work starts from that head,
the baseline is measured on it, the change is verified, committed on top of it and pushed by compare-and-swap.
"""
