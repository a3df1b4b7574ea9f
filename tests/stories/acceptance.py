"""The acceptance cases of the field, each somebody's real bug, and the tests that cover them.

`CASES` has every line of the two lists (what native GitHub agents got wrong; what makes a bot reliable), some of them
shortened, each with the tests that would fail if we got it wrong too. `test_acceptance.py` sees to it that no line is
without one, that each named test exists, and that one of them is a story wherever a story can be told.
"""

from typing import Final

_ALL: Final = "tests/stories/test_acceptance_cases.py::"
_FIRST: Final = "tests/stories/test_stories.py::"
_BRANCHES: Final = "tests/stories/test_branches.py::"
_BAD_DAYS: Final = "tests/stories/test_bad_days.py::"
_REVIEW: Final = "tests/stories/test_review.py::"
_COMMANDS: Final = "tests/stories/test_commands.py::"
_WAYS: Final = "tests/stories/test_ways_in.py::"

_TURNS: Final = "tests/stories/test_maintenance.py::"
_DUE: Final = "tests/domain/test_due.py::"

_TALKING: Final = f"{_FIRST}test_talking_about_the_agent_starts_nothing"
_NOBODY: Final = f"{_ALL}test_what_is_no_mention_and_who_is_no_person_starts_nothing"
_WRITTEN_FIRST: Final = f"{_ALL}test_the_request_is_what_was_written_first_whatever_is_edited_then"
_REVIEW_FIRST: Final = f"{_ALL}test_the_request_of_a_review_is_what_was_written_first_whatever_is_edited_then"
_DOOR: Final = f"{_ALL}test_only_what_is_signed_gets_in_and_one_delivery_is_one_task"
_CUT_OUT: Final = f"{_ALL}test_tokens_and_endless_texts_of_the_model_are_cut_out_of_all_that_people_see"
_REVIEWED: Final = "tests/stories/test_review_acceptance.py::"
_BESIDE: Final = f"{_REVIEWED}test_anchor_outside_hunk_nested_fences_long_summary_and_tokens_of_both_lengths"
_PLANTED: Final = f"{_ALL}test_a_marker_and_a_name_of_ours_are_nothing_in_somebody_elses_hands"
_FORK: Final = f"{_REVIEW}test_a_fork_is_reviewed_without_secrets_and_without_a_set_up_of_its_own"
_KILLED: Final = f"{_FIRST}test_a_worker_killed_in_the_middle_of_the_work_makes_one_pull_request"
_MATRIX: Final = "tests/crash/test_matrix.py::test_exactly_one_of_everything"
_LIMITS: Final = f"{_BAD_DAYS}test_a_limit_is_waited_out_of_the_way_and_nothing_is_lost"
_FAULTS: Final = f"{_BAD_DAYS}test_a_server_fault_before_or_after_a_write"
_STRANGE: Final = "tests/repos/test_git_repos.py::test_strange_things_are_left_out_and_said"
_HOST_GIT: Final = "tests/hostile/test_host_git.py::"
_RESOURCES: Final = "tests/hostile/test_resources.py::"
_ODD: Final = (
    "tests/stories/test_bad_input.py::test_a_repository_with_everything_that_git_can_hold_is_worked_on"
)

CASES: Final[dict[str, tuple[str, ...]]] = {
    # -- native GitHub agents -----------------------------------------------------------------------------------
    "trigger inside quote": (_TALKING, _NOBODY),
    "trigger inside code fence": (_TALKING, _NOBODY),
    "trigger inside HTML comment": (_TALKING,),
    "trigger inside e-mail address": (_NOBODY,),
    "trigger inside bot footer": (_NOBODY,),
    "second mention used as request text": (_WRITTEN_FIRST,),
    "[bot] actor from a foreign App": (_NOBODY,),
    "human account named like an allowed bot": (_PLANTED,),
    "permission API error => refuse": (_NOBODY,),
    "trigger then edit of body": (_WRITTEN_FIRST,),
    "trigger then edit of title": (_WRITTEN_FIRST,),
    "trigger then edit of comment": (_WRITTEN_FIRST,),
    "trigger then edit of review": (_REVIEW_FIRST,),
    "trigger then edit of inline comment": (_REVIEW_FIRST,),
    "comment 101 of 150 is the relevant one": (
        f"{_ALL}test_the_comment_that_matters_is_seen_behind_a_hundred_others",
    ),
    "same delivery twice": (f"{_FIRST}test_a_redelivery_changes_nothing", _DOOR),
    "same comment created+edited": (_WRITTEN_FIRST,),
    "review with 8 inline comments => one job": (
        "tests/stories/test_review_points.py::test_a_review_with_inline_comments_is_one_job_and_each_point_is_answered",
    ),
    "crash after accept, before publish => exactly one PR": (_KILLED, _MATRIX),
    "token of 40 and of 400 characters redacted everywhere": (_CUT_OUT,),
    "65,537-character summary": (_CUT_OUT,),
    "anchor outside hunk => demoted, others posted": (_BESIDE,),
    "nested fences in a suggestion": (_BESIDE,),
    "deleted fork head": (
        _FORK,
        "tests/tasks/follow_up/test_accept.py::test_a_pull_request_that_is_over_or_moved_is_a_named_end",
    ),
    "fork PR must not push to base repo": (f"{_ALL}test_a_fork_is_worked_on_and_nothing_is_pushed_anywhere",),
    "PR-head config ignored": (_FORK,),
    "planted heading/marker by another user ignored": (
        _PLANTED,
        f"{_REVIEWED}test_planted_heading_and_marker_by_another_user_ignored",
    ),
    "executable bit and symlink survive publishing": (_CUT_OUT, _ODD),
    "branch name collision": (f"{_BRANCHES}test_somebody_elses_branch_of_the_same_name_is_left_alone",),
    "CJK-only title": (f"{_BRANCHES}test_a_title_without_a_latin_letter_has_a_branch_all_the_same",),
    "--upload-pack name": (f"{_BRANCHES}test_a_title_made_of_options_and_paths_is_only_a_slug",),
    "base branch moved during run": (
        f"{_BRANCHES}test_a_base_that_moves_during_the_run_is_said_in_the_pull_request",
    ),
    "check red on base ignored": (
        "tests/stories/test_red_ci.py::test_a_check_that_is_red_on_the_base_is_ignored",
    ),
    "403 with and without retry-after": (_LIMITS,),
    "clock 90 s off": (f"{_BAD_DAYS}test_a_clock_that_is_off",),
    "installation suspended mid-run": (
        f"{_BAD_DAYS}test_an_installation_that_is_suspended_in_the_middle_is_an_end_of_its_own",
    ),
    "repository renamed/transferred": (
        f"{_BAD_DAYS}test_a_repository_that_is_renamed_in_the_middle",
        f"{_BAD_DAYS}test_a_name_that_changed_before_the_work_began",
        f"{_BAD_DAYS}test_a_repository_that_is_taken_away_in_the_middle_is_an_end_of_its_own",
    ),
    "skipped run is neutral, never green": (
        f"{_FIRST}test_without_tests_the_pull_request_is_a_draft_and_says_so",
        f"{_REVIEW}test_a_review_that_was_not_finished_is_never_green",
    ),
    "budget hit mid-edit => branch kept, comment says so": (
        f"{_ALL}test_a_bound_that_is_reached_in_the_middle_of_an_edit_loses_no_work",
    ),
    # -- a reliable bot -----------------------------------------------------------------------------------------
    "signature: right, wrong, missing, non-hex, non-ASCII, second secret, body over the cap": (_DOOR,),
    "same GUID ten times in parallel => one job": (_DOOR,),
    "same comment by two event types => one job": (
        _DOOR,
        "tests/tasks/test_sweep.py::test_a_comment_whose_delivery_came_is_not_stored_again_whatever_became_of_it",
    ),
    "SIGKILL after each effect => exactly one of each": (_KILLED, _MATRIX),
    "502 after applying the write": (_FAULTS,),
    "403 and 429 in all four header forms": (_LIMITS,),
    "422 already exists": (
        f"{_BRANCHES}test_somebody_elses_branch_of_the_same_name_is_left_alone",
        "tests/forge/test_pulls_checks_refs.py::test_a_second_pull_request_for_the_branch_is_refused_with_githubs_words",
    ),
    "404 in the middle (App removed)": (
        f"{_BAD_DAYS}test_a_repository_that_is_taken_away_in_the_middle_is_an_end_of_its_own",
    ),
    "slow answers": (f"{_BAD_DAYS}test_slow_answers_cost_time_and_nothing_else",),
    "two mentions on one PR: in order": (
        f"{_FIRST}test_a_second_request_on_the_same_issue_is_heard_by_the_task_that_runs",
    ),
    "two mentions on two PRs: in parallel": (
        f"{_ALL}test_mentions_on_two_pull_requests_are_worked_on_side_by_side",
    ),
    "edited comment, editor is not the author": (
        f"{_WAYS}test_what_is_edited_or_written_after_the_request_is_no_material",
        _WRITTEN_FIRST,
    ),
    "author without write access": (f"{_FIRST}test_somebody_without_write_access_is_told_once",),
    "bot author": (f"{_FIRST}test_bots_never_start_bots",),
    "permission withdrawn during the run": (
        f"{_ALL}test_a_person_who_may_not_write_any_more_gets_nothing_published",
    ),
    "head moved during the run": (
        f"{_REVIEW}test_a_head_that_moves_makes_the_review_stale",
        "tests/stories/test_follow_up.py::test_a_head_that_moves_during_the_work_is_left_alone",
    ),
    "PR closed during the run": (f"{_REVIEWED}test_pr_closed_during_the_run",),
    "each row of 4.4: host code never runs, token never leaves": (
        f"{_HOST_GIT}test_a_tree_full_of_git_traps_goes_through_without_one_going_off",
        f"{_HOST_GIT}test_a_redirect_does_not_carry_the_token",
    ),
    "returned tree with odd names, links, modes, 100,000 files, 2 GB": (
        _ODD,
        _STRANGE,
        f"{_HOST_GIT}test_git_folders_in_every_spelling_stay_behind",
        f"{_HOST_GIT}test_control_characters_in_names_forge_no_line",
        f"{_HOST_GIT}test_a_walk_over_its_cap_is_an_error",
    ),
    "sandbox: environment, network, bombs, output, what survives its shell": (
        "tests/hostile/test_inside.py::test_inside",
        f"{_RESOURCES}test_endless_output_is_cut_and_counted",
        f"{_RESOURCES}test_nothing_survives_its_shell",
    ),
    "injection corpus: no effect outside the job's own branch and comment": (
        "tests/hostile/injection/test_injection.py::test_a_model_that_obeys_reaches_nothing",
    ),
    "schedules: daylight saving, downtime, two schedulers, zone, closed or edited by a human, limits": (
        f"{_TURNS}test_downtime_over_a_due_time_is_made_up_once",
        f"{_TURNS}test_two_workers_begin_a_turn_once",
        f"{_TURNS}test_a_schedule_previews_opens_updates_and_accepts_no_for_an_answer",
        f"{_TURNS}test_a_persons_commit_makes_the_branch_theirs",
        f"{_DUE}test_when_the_clock_goes_back_a_time_that_there_is_twice_comes_the_first_time_only",
        "tests/domain/test_schedules.py::test_limits_hold_and_a_person_goes_before_the_repositorys_own",
    ),
    "SIGTERM during a run: handed over within 20 s, money not spent twice": (
        f"{_ALL}test_a_worker_that_is_told_to_end_hands_over_within_seconds_and_nothing_is_paid_twice",
    ),
}
