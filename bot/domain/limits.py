"""The one table of limits: every bound of the product, with its reason beside it.

Units stand in the name. Reaching a bound is an ordinary, explained end (law 7). Grouped by room.
"""

from typing import Final

KIB: Final = 1024  # bytes
MIB: Final = 1024 * KIB  # bytes

# -- webhook ----------------------------------------------------------------------------------------------
WEBHOOK_BODY_BYTES: Final = 25 * MIB  # GitHub's own maximum for a payload
INBOX_BATCH_ROWS: Final = 64  # deliveries in one commit: bounds the wait behind a slow disk
INBOX_WAITING: Final = 2_000  # deliveries before the writer: a second's worth; more is refused with 503
WEBHOOK_BUFFER_BYTES: Final = 256 * MIB  # all bodies being read, not yet known as signed: ten of the largest
WEBHOOK_READ_S: Final = 10  # one body: GitHub itself gives up after 10 s

INBOX_UNDECIDED: Final = 20_000  # stored and not decided: hours of work; more is refused and swept up later
SWEEP_S: Final = 180.0  # between two looks at what GitHub sent in vain
SWEEP_BACK_S: Final = 3 * 86_400.0  # GitHub redelivers what is at most three days old
SWEEP_PAGES: Final = 20  # of 100 entries in one look: 400 requests an hour, a tenth of the App's
SWEEP_SETTLE_S: Final = 120.0  # so far back it is read twice: GitHub lists an attempt when its 10 s are over
SWEEP_KEPT: Final = 20_000  # failed attempts remembered: 6 MB; older ones are read when some have arrived
SWEEP_REDELIVERIES: Final = 100  # of one pass: GitHub sends them at once
SWEEP_PROBES: Final = 5  # of one pass while nothing arrives: 7,200 more entries in three days, not 144,000
REDELIVERY_PAUSE_S: Final = 30.0  # after the first attempt, then twice as long each time
REDELIVERY_LONGEST_S: Final = 3_600.0  # between two attempts of one delivery: 78 in three days at most
SCAN_S: Final = 1_800.0  # between two looks at the newest comments: one request for each repository
LISTED_TREES: Final = 4  # kept listed: as many bases as tasks run at once, as a rule
LISTED_PATHS: Final = 20_000  # of each: some 5 MB
KNOWN_ANSWERS: Final = 512  # of GitHub, kept to be asked for by name: a few for a polled repository
KNOWN_ANSWER_CHARACTERS: Final = 65_536  # each; 32 MB together at the very most, usually a tenth
SCAN_SETTLE_S: Final = 120.0  # younger comments are left to their webhooks
SCAN_REQUESTS: Final = 200  # of one look into one installation: 400 an hour, below a tenth of its requests
SCAN_PAGES: Final = 10  # of one repository in one look, 100 comments each: the others have their turn
SCAN_REPOSITORIES: Final = 200  # of one installation: below a tenth of its requests in an hour

# -- the repository's own file ----------------------------------------------------------------------------
REPO_CONFIG_BYTES: Final = 64 * KIB  # commands and names: real files of this kind are under 2 KiB

NETWORK_HOSTS: Final = 50  # a list longer than this is no list of what is needed
VARIABLES: Final = 50  # of the repository's `environment`: test settings have under ten
VARIABLE_BYTES: Final = 4 * KIB  # of one of them: a connection string has a hundred, a file is no variable

# -- schedules --------------------------------------------------------------------------------------------
SCHEDULES: Final = 20  # of one repository: more is a second job for whoever reads the pull requests
SCHEDULE_PROMPT_BYTES: Final = 8 * KIB  # as much as an issue has
SCHEDULE_READ_S: Final = 900.0  # between two looks at a repository's file: one request each
SCHEDULE_TICK_S: Final = 5.0  # between two looks at what is due: schedules count in minutes
DASHBOARD_S: Final = 5.0  # between two looks at what dashboards have to tell anew
DASHBOARD_WRITES: Final = 20  # in one pass: each takes a second, and other repositories wait
SCHEDULE_CATCH_UP_S: Final = 3_600.0  # a missed turn runs once, if the next one is further away than this
SCHEDULE_NIGHT_HOURS: Final = 6  # `daily` and `weekly` come between midnight and six, where most people sleep
SCHEDULE_PULLS_OPEN: Final = 3  # of all schedules here: what a team reads beside its own work
SCHEDULE_PULLS_A_DAY: Final = 2  # opened within 24 hours: a new one each morning and one more
SCHEDULE_FAILURES: Final = 3  # in a row, then it rests: a fourth night finds no more
SCHEDULE_NEGLECT_S: Final = 30 * 86_400.0  # its pull request is open so long: nobody wants more of it
OPEN_READ: Final = 50  # open pull requests, or issues, that a turn is shown: enough work for one
OPEN_TEXT_BYTES: Final = 1 * KIB  # of one issue's text: what it is about stands at its beginning
OPEN_BYTES: Final = 24 * KIB  # of one list: 6,000 tokens, as of a thread
SCHEDULE_RUNS_KEPT: Final = 20  # of one schedule: what is decided looks at the last ones only

# -- GitHub -----------------------------------------------------------------------------------------------
BODY_CHARACTERS: Final = 65_536  # GitHub's limit for issue, comment and pull request bodies
CHECK_TEXT_CHARACTERS: Final = 60_000  # below GitHub's 65,535 for summary and text, room for the frame
TITLE_CHARACTERS: Final = 120  # longer titles are cut in GitHub's lists
ANSWER_CHARACTERS: Final = 30_000  # a model's answer: longer than anybody reads, and it fits a comment
FINDING_CHARACTERS: Final = 2_000  # text of one finding: a paragraph; FINDINGS of them fit one review
SUMMARY_CHARACTERS: Final = 6_000  # each of a model's texts in a pull request or review: two pages
POINT_ANSWER_CHARACTERS: Final = 1_000  # to one point of a review: as much as people read in a thread
PATCH_SHOWN_CHARACTERS: Final = 250_000  # of a patch in comments: 6,000 lines to apply by hand
PATCH_LINE_CHARACTERS: Final = 20_000  # a file with a longer line is data, and no comment can show it
PUSHES_SHOWN: Final = 20  # commits since a pull request was opened; its own page lists all
REST_SHOWN: Final = 100  # ids of one kind below those that a comment lists: more say the same
NOTES_SHOWN: Final = 20  # remarks about a verification; evidence.json has all of them
GITHUB_TIMEOUT_S: Final = 20  # one request; GitHub itself ends requests after 10 s
WRITE_QUEUE_S: Final = 5.0  # a write that waited longer for a thread is not begun: its row says "sending"
WRITE_BEGIN_S: Final = 10.0  # nor one whose turn, name or token took so long: others may look for it soon
GITHUB_READ_TRIES: Final = 4  # reads only: 5xx and dropped connections are mostly gone at the second try
REPOSITORY_NAME_S: Final = 60.0  # a looked-up name serves all jobs so long: phases follow one another
WRITE_SPACING_S: Final = 1.0  # GitHub asks for one second between writes of one installation
WRITE_LEASE_S: Final = WRITE_BEGIN_S + GITHUB_TIMEOUT_S  # a turn: no write is under way for longer after it
WRITE_LOOK_S: Final = 0.1  # between two looks at another worker's turn: a tenth of the spacing that follows
WRITE_HELD_BACK_S: Final = 3_600.0  # by one limit at most: GitHub's longest count is of an hour
RETRY_AFTER_DEFAULT_S: Final = 60.0  # GitHub: wait at least a minute when a limit names no time
RETRY_AFTER_MOST_S: Final = 86_400.0  # a longer wait may be a mistake: asked again after a day
COMMENT_EDIT_SPACING_S: Final = 20.0  # progress edits: readable, and far below 80 content writes a minute
JWT_LIFETIME_S: Final = 540  # GitHub allows 600; a minute for clock skew
CLOCK_TOLERANCE_S: Final = 30  # half of the minute that a JWT is dated back: below it all is well
JWT_BACKDATE_S: Final = 60  # GitHub's own advice against clock skew
TOKEN_SPARE_S: Final = 300  # an installation token is replaced this long before it ends

# -- red CI -----------------------------------------------------------------------------------------------
CI_REPAIRS: Final = 3  # in a row without a person: a fourth finds no more than the third (as others do)
CI_QUIET_S: Final = 30.0  # nothing has ended for so long: what one workflow starts is there in seconds
CI_WAIT_S: Final = 3_600.0  # for checks that never end: most suites take minutes, nearly all under an hour
CI_LOOK_MOST_S: Final = 120.0  # between two looks: some forty looks of four requests in CI_WAIT_S
CI_CHECKS: Final = 5  # red checks that are read whole: of a matrix the first ones say it all
CI_ANNOTATIONS: Final = 20  # of one check: the first ones are the cause
CI_TEXT_BYTES: Final = 2 * KIB  # of one annotation, title or summary
CI_LOG_BYTES: Final = 12 * KIB  # of one job's log shown to the model, head and tail: 3,000 tokens
CI_LOG_HEAD_BYTES: Final = 64 * KIB  # kept of a log while it is read: set-up and first commands
CI_LOG_TAIL_BYTES: Final = 512 * KIB  # and its end, with the failure and what cleaned up after it
CI_LOG_READ_BYTES: Final = 256 * MIB  # a log beyond this is left unread from there on
CI_LOG_READ_S: Final = 60.0  # one log in all; the address lives for a minute
CI_EXCERPT_LINES: Final = 25  # of a log in a comment for people: a screenful

# -- thread data shown to the model ------------------------------------------------------------------------
ISSUE_BODY_BYTES: Final = 8 * KIB  # covers nearly all human-written issues; longer ones are pasted logs
COMMENT_BYTES: Final = 2 * KIB  # a comment that matters is short
THREAD_COMMENTS: Final = 100  # newest first; a page of GitHub's. How many are shown, THREAD_BYTES decides
THREAD_BYTES: Final = 24 * KIB  # all comments together: 6,000 tokens of material, the oldest go first
TRACE_REGIONS: Final = 5  # places of stack traces whose lines are shown: deeper frames are callers
TRACE_LINES_AROUND: Final = 20  # a function's length on each side of the line

# -- sandbox ----------------------------------------------------------------------------------------------
COMMAND_TIMEOUT_S: Final = 120  # default for one command of the model
COMMAND_TIMEOUT_MAX_S: Final = 600  # the model may ask for at most ten minutes
COMMAND_OUTPUT_BYTES: Final = 4 * MIB  # kept of one command's output (head and tail); the rest is counted
SANDBOX_MEMORY_BYTES: Final = 4096 * MIB  # headroom about three times a usual suite's peak
SANDBOX_PROCESSES: Final = 512  # a parallel test run needs under 200
SANDBOX_CPUS: Final = 4.0  # of one command, where a cgroup can say so: a parallel build on a larger host
SANDBOX_USERS: Final = 256  # workspaces open at once on a host: some four for each of 50 tasks
SANDBOX_NICE: Final = 5  # behind the worker, which must answer GitHub and renew its heartbeat
SANDBOX_OPEN_FILES: Final = 4096  # four times the usual soft limit: test runners and watchers open many
SANDBOX_FILE_BYTES: Final = 1024 * MIB  # RLIMIT_FSIZE
SANDBOX_DISK_BYTES: Final = 4096 * MIB  # what one workspace may write in all
SANDBOX_DISK_FILES: Final = 200_000  # as many as a whole tree may have: a build does not double it
SANDBOX_DISK_FREE_BYTES: Final = 1024 * MIB  # left on the disk: deleted open files are in no tree
BACKGROUNDS: Final = 2  # sandboxes for background processes at once: a server, and a second one to compare
BACKGROUND_S: Final = 1_800.0  # a background sandbox ends after so long: nobody watches it
BACKGROUND_WAIT_S: Final = 1.0  # after a start or a signal: a program that fails at once is told at once
SESSION_LINE_BYTES: Final = 4 * MIB  # one answer of a background sandbox: a MiB of output in base64
SANDBOX_START_S: Final = 30.0  # a command's start takes 40 ms; a host that needs this long is out of order
SANDBOX_SCRIPT_BYTES: Final = 96 * KIB  # longer ones go in as a file: an argument has at most 128 KiB
SANDBOX_FILES_S: Final = 60.0  # one reading or writing of files inside the sandbox
SANDBOX_ENTRIES: Final = 20_000  # names of one directory that are told; larger ones hold generated data
TMP_BYTES: Final = 512 * MIB  # what compilers and test runs leave there; it is memory
SHM_BYTES: Final = 64 * MIB  # as containers have it; multiprocessing needs a few MiB
HOME_BYTES: Final = 256 * MIB  # caches of tools that insist on a home
HISTORY_S: Final = 60  # the model's git of the base: 3.3 s for 7,000 files, measured; over it there is none
SETUP_TIMEOUT_S: Final = 900  # a cold install of a large scientific stack
ENVIRONMENT_DAYS: Final = 14.0  # unused so long: the repository's lock files have moved on
ENVIRONMENT_BYTES: Final = 20 * 1024 * MIB  # all of them together: some forty of a usual size
PROXY_HEADER_BYTES: Final = 8 * KIB  # a CONNECT request is under 300 bytes
PROXY_HEADER_TIMEOUT_S: Final = 10  # a client that says nothing holds a connection; real ones speak at once
PROXY_CONNECT_TIMEOUT_S: Final = 20  # shorter than package managers wait, so that the error is ours
PROXY_TASK_BYTES: Final = 4096 * MIB  # through the proxy for one set-up

# -- repositories -----------------------------------------------------------------------------------------
FETCH_TIMEOUT_S: Final = 600  # the largest repositories at depth 1 over a slow line
GIT_CHILD_S: Final = 300  # any work on objects without a network: 200,000 files take under a minute
GIT_CHILD_MEMORY_BYTES: Final = 2048 * MIB  # a 2.6 MB repository with a blob bomb took 1.2 GB: contained here
BLOB_BYTES: Final = 50 * MIB  # larger blobs are not fetched (GitHub refuses files over 100 MB)
TREE_FILES: Final = 200_000  # what GIT_CHILD_S was chosen for; larger trees are refused
TREE_BYTES: Final = 4096 * MIB  # plain files of one tree on disk, as much as one workspace may write
TREE_DEPTH: Final = 64  # recursion in tree building fails at about 1,000
PATH_BYTES: Final = 1024  # a quarter of the kernel's PATH_MAX: our own prefix has room
SNAPSHOT_BYTES: Final = 200 * MIB  # changed files of one work tree together; a change is a few kilobytes
PATCH_FILES: Final = 100  # a reviewable change; larger ones are almost always an accident
PATCH_FILE_BYTES: Final = 1 * MIB  # one changed file
MERGE_SIDE_CHARACTERS: Final = 20_000  # of what one side did, for the model: the files in conflict come first
DIFF_LINES_PER_FILE: Final = 20_000  # difflib is near quadratic: 1.1 s here, 3.9 s at twice as much

# -- editing and tool output ------------------------------------------------------------------------------
TOOL_OUTPUT_TOKENS: Final = 10_000  # one result, bytes / 4; what Codex found enough
TOOL_OUTPUT_HEAD_SHARE: Final = 0.4  # failures and totals stand at the end
TOOL_LINE_CHARACTERS: Final = 2_000  # minified files and base64
READ_LINES: Final = 250  # default window of read_file
READ_LINES_MAX: Final = 1_000  # about what TOOL_OUTPUT_TOKENS holds, at ten tokens a line
READ_FILE_BYTES: Final = 8 * MIB  # larger ones are data: the shell has tools for them
EDIT_FILE_BYTES: Final = 2 * MIB  # larger files are data, not source
SHELF_OUTPUTS: Final = 8  # full texts of cut outputs kept for later commands
SHELF_BYTES: Final = 8 * MIB  # all of them together
DIRECTORY_ENTRIES: Final = 200  # a screenful too many already; the rest is counted
WRITE_FILE_REPLACE_LINES: Final = 200  # whole replacement of larger files only after they were read

# -- agent ------------------------------------------------------------------------------------------------
MODEL_TRIES: Final = 8  # one retry layer in all
MODEL_IDLE_S: Final = 120  # silence within a stream
MODEL_RETRY_WAIT_MAX_S: Final = 60  # longer waits free the slot: the task is deferred
MODEL_CONNECT_S: Final = 10  # a server that is up accepts at once
MODEL_REPLY_S: Final = 1_200  # one whole reply: a server that only pings is ended; reasoning takes minutes
MODEL_REPLY_BYTES: Final = 2 * MIB  # text and arguments of one reply; a file of 2 MB is not written by hand
MODEL_OVERLONG_KEPT: Final = 4_000  # characters of a reply that was too long: enough to see what it was about
SILENT_CUT_SHARE: Final = 0.25  # told tokens below this part of bytes / 4: text has 3 to 5 bytes a token
SILENT_CUT_TOKENS: Final = 4_000  # shorter prompts fit everywhere
USAGE_NONSENSE_SHARE: Final = 0.01  # counted tokens under a hundredth: no count at all, so it is estimated
MODEL_CALLS_PER_REPLY: Final = 32  # further calls of one reply are not run: parallel reading needs under ten
AGENT_TURNS: Final = 100  # unknown family: 98 % of resolved runs end before
AGENT_TOKENS: Final = 6_000_000  # input and output, cached included: 100 turns at 60k
AGENT_MINUTES: Final = 45  # AGENT_TURNS at 27 s a turn, slow models included
AGENT_MONEY_USD: Final = 5.0  # measured 99th percentile of the dearest family
ISSUE_BUDGETS: Final = 4  # whole budgets of a task for one issue: a fifth attempt finds no more
AUTHOR_DAY_BUDGETS: Final = 20  # for one person within 24 hours
REPOSITORY_DAY_BUDGETS: Final = 40  # for one repository within 24 hours
DAY_BUDGETS: Final = 100  # for the whole installation of Pullwright: most tasks cost a tenth of their budget
TOKENS_PER_USD: Final = 1_200_000  # of AGENT_TOKENS and AGENT_MONEY_USD: cached input for the most part
BUDGET_NOTICES: Final = (0.5, 0.8, 0.95)  # the model is told at these shares
SAME_CALL_LIMIT: Final = 3  # same call, same result: told at the third, ended at the fourth
STILL_TURNS: Final = 15  # replies without a change and without a newly read file, before a word about it
MALFORMED_LIMIT: Final = 3  # answers in a row that can't be acted on
TEXT_ONLY_LIMIT: Final = 2  # "continue, or call submit" is said once
QUESTIONS: Final = 3  # at once: people do not answer more
QUESTION_CHARACTERS: Final = 500  # a question that can be answered in a line
QUESTION_ROUNDS: Final = 3  # of one task: who is asked a fourth time would rather do it himself
STEERING_BYTES: Final = 8 * KIB  # of one message of a person to a running task
POINTS: Final = 30  # of one review that are taken on: a longer one is better answered in parts
POINT_BYTES: Final = 2 * KIB  # of one of them, as of any comment
REVIEW_SETTLE_S: Final = 5.0  # GitHub stamps the comments of a review within seconds of its submission
FINDINGS: Final = 12  # comments of one review: more are not read, and the worst stand first
REVIEW_THREADS: Final = 500  # of one pull request that are read: ten pages; more can't be kept apart
REVIEW_NEWS_BYTES: Final = 48 * KIB  # of what is new since the last review: about 1,000 lines
REVIEW_OBJECTORS: Final = 20  # people whose word about findings is asked about: more never speak on one
REPRODUCTION_S: Final = 60.0  # of one run: what takes longer to show a fault is no reproduction
REPRODUCTION_OUTPUT: Final = 1_500  # characters of its end that people are shown: an assertion with its trace
FINDINGS_KEPT: Final = 50  # that a model may report in one review before it is told to end
FINDING_NEAR_LINES: Final = 3  # as far apart two findings may still be about the same place
FINDING_SAME_WORDS: Final = 0.6  # share of common words from which on two titles say the same
COMPACT_TOKENS: Final = 80_000  # from here on a conversation is compacted: successful runs mostly stay below
COMPACT_WINDOW_SHARE: Final = 0.65  # of a smaller window: room for the reply and for what is counted wrong
COMPACT_FREED_TOKENS: Final = 20_000  # what stubs must free: each batch costs the cached prefix
COMPACT_UNTOUCHED_SHARE: Final = 0.25  # the newest part of the conversation, by size, keeps its outputs
COMPACT_GROWTH_SHARE: Final = 0.25  # not again before it has grown by as much: not each turn
ATTEMPTS_MAX: Final = 4  # at once, when asked for: best of 2 gains under 7 points for twice the money
FRESH_ATTEMPT_SHARE: Final = 0.6  # of each bound at most used, else a second attempt would only be cut off
VERIFY_ROUNDS: Final = 2  # red verification goes back to the work at most this often
SECOND_LOOK_CHARACTERS: Final = 60_000  # of a change shown to a second reader: about 15,000 tokens
FIRST_PROMPT_TREE_ENTRIES: Final = 200  # lines: two levels of most repositories, all of a small one
FIRST_PROMPT_TREE_DEPTH: Final = 6  # deeper levels say little, whatever the room
AGENTS_MD_BYTES: Final = 32 * KIB  # AGENTS.md root to leaf, as Codex

# -- verification -----------------------------------------------------------------------------------------
REPORT_BYTES: Final = 64 * MIB  # 100,000 tests with short messages
WHOLE_SUITE_S: Final = 3.0  # a slower suite is repeated for the changed test files only, and run whole once
RUN_TESTS_WHOLE_S: Final = 60.0  # a slower suite is run in part when the model asks for all of it
LINT_TIMEOUT_S: Final = 300.0  # one run of the lint: type checkers of large projects take minutes
SUITE_TIMEOUT_S: Final = 900  # one run of the whole suite on the base
RUN_SLOWER: Final = 10.0  # times the base's time that a run with the change may take: hanging ends
RUN_TIMEOUT_MIN_S: Final = 60.0  # but never less than this: a cold start on a busy host
VERIFY_S: Final = 2_700  # one verification in all, the baseline not counted: three runs of the slowest suite
BASELINE_RUNS: Final = 2  # tells flaky from stable
FAIL_RUNS: Final = 2  # tests alone must fail in 2 of 2
PASS_RUNS: Final = 3  # whole patch must pass in 3 of 3
PROOFS_ALONE: Final = 200  # proven tests that are run without the others; what is beyond is not called proven
FLAKE_RUNS: Final = 3  # each new failure alone, on both trees
FLAKE_TESTS: Final = 20  # more new failures than this are blamed without single runs
FAILURE_LINES: Final = 40  # of one failing test shown to the model
FAILURE_TESTS: Final = 5  # failing tests shown with their text

# -- durability -------------------------------------------------------------------------------------------
TASK_ATTEMPTS: Final = 5  # a task that kills its worker five times is poison
TASK_DEFERRALS: Final = 100  # waits for GitHub or a model: at a minute each, far over an hour of outage
DEFERRAL_PAUSE_S: Final = 60.0  # grown to, when a fault comes again: TASK_DEFERRALS are an hour and a half
DEFERRAL_QUIET_S: Final = 600.0  # without a wait: what comes then is a new fault, and its first pause short
SANDBOX_WAITS_S: Final = (5.0, 20.0, 60.0)  # a task's, for a host that is too busy for its preflight
SANDBOX_REFUSAL_S: Final = 3.0  # a failed preflight is believed; under the shortest wait, so it is tried anew
EXPLANATIONS_A_DAY: Final = 3  # to one stranger in one repository: two more would not be read either
EXPLANATIONS_AN_HOUR: Final = 20  # in one repository, to all of them: a wave is not answered one by one
INTAKE_GIVE_UP_S: Final = 900.0  # GitHub does not say who may: after a quarter of an hour it is a refusal
REQUESTS_WAITING: Final = 10  # of one issue, for their turn: hours of work; GitHub is asked about each again
INTAKE_LIMITED_S: Final = 7_200.0  # but while GitHub limits us: twice the hour after which it no longer does
HAND_OVER_S: Final = 10.0  # a stopping worker: clean up and write down; supervisors kill after 15
KEEP_DELIVERIES_S: Final = 30 * 86_400.0  # ten times what GitHub can redeliver
KEEP_EVENTS_S: Final = 90 * 86_400.0  # of an ended task: a quarter, for questions about what it did
KEEP_RUNS_S: Final = 14 * 86_400.0  # the engine's own rows, which nobody reads once a run is over
RETENTION_S: Final = 3_600.0  # between two passes
RETENTION_ROWS: Final = 500  # deliveries, or the engine's runs, in one transaction
RETENTION_TASKS: Final = 50  # a task has some hundred rows
CARRY_BYTES: Final = 8 * MIB  # of one packed state of the work, in the database: a change has kilobytes
CLOCK_LOOK_S: Final = 60.0  # a quartz that is 1 % off, which none is, gains 0.6 s: far below WORKER_DEAD_S
HEARTBEAT_S: Final = 5.0  # one small write; five of them may be lost before WORKER_DEAD_S
WORKER_DEAD_S: Final = 30.0  # six heartbeats
SELF_FENCE_S: Final = 20.0  # a worker that could not renew for so long stops itself before others take over
EFFECT_SETTLE_S: Final = 15.0  # beyond the request's timeout: GitHub ends a request after 10 s
WRITE_IN_FLIGHT_S: Final = 30.0  # a cancelled step waits so long for its write
LATE_S: Final = 86_400.0  # effects of ended tasks are looked for so long: then it is the doctor's
LATE_AGAIN_S: Final = 600.0  # when GitHub refused to show one: somebody has to mend that
FLEET_TASKS: Final = 4  # running at once on one worker host of 2 cores
REPOSITORY_TASKS: Final = 2  # half of the fleet: one repository does not starve the others
INSTALLATION_TASKS: Final = 4  # all of one host: most operators have one installation
CACHE_DAYS: Final = 30.0  # unused so long, a repository is fetched again when it is needed
CACHE_BYTES: Final = 20 * 1024 * MIB  # of all repositories: some hundred of Django's size
CACHE_GRACE_S: Final = 3_600.0  # what was used within it stays, however full it is
TEMPLATE_GRACE_S: Final = 86_400.0  # a task may still work over files that it took; none lasts so long
QUEUE_LOOK_S: Final = 1.0  # between two looks at who waits: a person is told soon that the request was read
QUEUE_QUIET_S: Final = 3.0  # a shorter wait is not worth a word: a free slot is taken within a second
QUEUE_LOOKED_AT: Final = 500  # queued tasks whose request gets its 👀; the others when they come up
QUEUE_SHOWN: Final = 20  # exact places; who is further behind has no comment yet: nobody counts them
QUEUE_NOTICES: Final = 4  # in one pass, then it is looked at again: each takes a second of writing
