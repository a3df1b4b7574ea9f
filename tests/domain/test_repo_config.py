import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.findings import Priority
from bot.domain.limits import REPO_CONFIG_BYTES
from bot.domain.repo_config import (
    ConfigFault,
    Moment,
    RepoConfig,
    ReviewConfig,
    find_lines,
    parse_repo_config,
    repo_config_schema,
)
from bot.domain.repo_sections import (
    BudgetConfig,
    BuiltIn,
    Reading,
    ScheduleConfig,
    TriggersConfig,
    TrustLevel,
)


def test_commands_are_read_and_an_absent_key_is_left_to_detection():
    assert parse_repo_config("test: pytest -q\n") == RepoConfig(setup=None, test="pytest -q")
    assert parse_repo_config("setup: |\n  a\n  b\n") == RepoConfig(setup="a\nb", test=None)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n"])
def test_an_empty_file_sets_nothing(text):
    if text == "---\n":  # a document of its own: null
        with pytest.raises(ConfigFault):
            parse_repo_config(text)
    else:
        assert parse_repo_config(text) == RepoConfig()


def test_where_there_is_no_file_nothing_is_built_that_reads_one():
    code = (
        "from bot.domain.repo_config import RepoConfig, ReviewConfig, parse_repo_config\n"
        "parse_repo_config('')\n"
        "print(RepoConfig.__pydantic_complete__, ReviewConfig.__pydantic_complete__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False False"


def test_an_empty_set_up_says_that_there_is_none():
    assert parse_repo_config('setup: ""').setup == ""


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("test: pytest\ntset: x\n", 2, "no key `tset`"),
        ("\n\nbudget: all\n", 3, "no amount of US dollars"),
        ("\n\nnetwork: all\n", 3, "not a list"),
        ("network:\n  - https://example.org/\n", 2, "no host that can be allowed"),
        ("network: [a.example, '*']\n", 1, "no host that can be allowed"),
        ("network: ['*.*.example']\n", 1, "no host that can be allowed"),
        ("network: [127.0.0.1]\n", 1, "no host that can be allowed"),
        ("network: [localhost]\n", 1, "no host that can be allowed"),
        ("network: ['example.org:8443']\n", 1, "no host that can be allowed"),
        ("network: [[a.example]]\n", 1, "no host that can be allowed"),
        ("egress_pins: x\n", 1, "operator"),
        ("test: [pytest]\n", 1, "not a text"),
        ("test:\n", 1, "not a text"),
        ("test: yes\n", 1, "not a text"),
        ("test: ''\n", 1, "empty"),
        ("setup: a\ntest: b\nsetup: c\n", 3, "second time"),
        ("test: 'a\n", 2, "not YAML"),
        ("test: a\n---\ntest: b\n", 2, "not YAML"),
        ("- test\n", 1, "no keys"),
        ('test: "a\\0b"\n', 1, "no command can hold"),
        ("? [a]\n: b\n", 1, "no key"),
        ("test: !!python/object/apply:os.system [id]\n", 1, "not a text"),
    ],
)
def test_a_fault_names_its_line_and_a_remedy(text, line, part):
    with pytest.raises(ConfigFault) as caught:
        parse_repo_config(text)
    assert caught.value.line == line
    assert part in str(caught.value)
    assert caught.value.remedy


def test_hostile_files_are_refused():
    for text in ["[" * 60_000, "a: " * 9_000, "test: x" + " " * REPO_CONFIG_BYTES, "test: \x07"]:
        with pytest.raises(ConfigFault):
            parse_repo_config(text)


@given(st.text(max_size=60))
def test_every_text_is_read_or_refused(text):
    with contextlib.suppress(ConfigFault):
        assert set(parse_repo_config(text).model_fields_set) <= {"setup", "test"}


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(str.strip))
def test_what_yaml_writes_is_read_back(command):
    assert parse_repo_config(yaml.safe_dump({"test": command})).test == command.strip()


def test_the_schema_agrees_with_the_parser():
    schema = repo_config_schema()
    json.dumps(schema)
    jsonschema.validate({"test": "pytest", "setup": ""}, schema)
    for wrong in ({"lnit": "x"}, {"test": ""}, {"test": ["a"]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_network_is_a_list_of_hosts_and_presets() -> None:
    config = parse_repo_config(
        "network:\n  - API.Example.org.\n  - '*.cdn.example'\n  - python\nmaintenance: make\n"
    )
    assert config.network == ("api.example.org", "*.cdn.example", "python")
    assert config.maintenance == "make"
    assert parse_repo_config("network: []\n").network == ()


def test_the_gate_and_the_report_are_the_repository_s_own() -> None:
    config = parse_repo_config(
        "test: make check\nreport: build/*.xml\nprotected: [vendored/, '*.sql']\nallow:\n  - binaries\n"
    )
    assert (config.report, config.protected) == ("build/*.xml", ("vendored/", "*.sql"))
    assert [rule.value for rule in config.allow] == ["binaries"]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("allow: binaries\n", "is not a list", 1),
        ("allow:\n  - binaries\n  - secrets\n", "always holds", 3),
        ("allow: [nothing]\n", "there is no rule `nothing`", 1),
        ("protected: [{a: b}]\n", "is not a text", 1),
        ("report: out.xml\n", "stands without `test`", 1),
        ("test: x\nreport: /etc/passwd\n", "no pattern of files", 2),
        ("test: x\nreport: a/../../b.xml\n", "no pattern of files", 2),
        ("test: x\nreport: $(id).xml\n", "no pattern of files", 2),
    ],
)
def test_what_is_said_of_the_gate_and_the_report_is_checked(text: str, words: str, line: int) -> None:
    with pytest.raises(ConfigFault, match=words.replace("(", r"\(")) as caught:
        parse_repo_config(text)
    assert caught.value.line == line


def test_reviews_are_configured_with_one_value_or_a_list():
    text = (
        "review:\n  when: opened\n  drafts: true\n  branches: [main, 'release/*']\n  least: P2\n  most: 3\n"
    )
    assert parse_repo_config(text).review == ReviewConfig(
        when=(Moment.OPENED,), drafts=True, branches=("main", "release/*"), least=Priority.P2, most=3
    )
    assert parse_repo_config("").review.when == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("review: yes\n", 1, "holds no keys"),
        ("review:\n  wen: opened\n", 2, "Did you mean `when`?"),
        ("review:\n  when: [merged]\n", 2, "`when` can't be that"),
        ("review:\n  most: 99\n", 2, "`most` can't be that"),
        ("review:\n  drafts: perhaps\n", 2, "`drafts` can't be that"),
        ("review:\n  labels: {a: b}\n", 2, "nested too deeply"),
        ("review:\n  most: 1\n  most: 2\n", 3, "second time"),
        ("tset: x\n", 1, "Did you mean `test`?"),
    ],
)
def test_a_fault_in_it_names_its_line_and_what_was_meant(text, line, said):
    with pytest.raises(ConfigFault, match=re.escape(said)) as caught:
        parse_repo_config(text)
    assert caught.value.line == line


def test_work_in_a_repository_has_its_own_lint_variables_model_and_bounds() -> None:
    config = parse_repo_config(
        "lint: ruff check .\nenvironment:\n  DJANGO_SETTINGS_MODULE: shop.tests\n  PORT: 8000\n"
        "budget:\n  usd: 1.5\n  minutes: 20\nmodel: gpt-5-mini\nmin_trust: members\n"
    )
    assert config.lint == "ruff check ."
    assert config.environment == {"DJANGO_SETTINGS_MODULE": "shop.tests", "PORT": "8000"}
    assert config.budget == BudgetConfig(usd=1.5, minutes=20)
    assert (config.model, config.min_trust) == ("gpt-5-mini", TrustLevel.MEMBERS)
    assert parse_repo_config("budget: 2\n").budget == BudgetConfig(usd=2)
    assert parse_repo_config("budget: $2.50\n").budget == BudgetConfig(usd=2.5)


def test_ways_in_are_opened_and_closed() -> None:
    config = parse_repo_config(
        "triggers:\n  mention: false\n  assign: '@octo-agent'\n  review_request: [octo-agent, '@octo/agents']\n"
    )
    assert config.triggers == TriggersConfig(
        mention=False, assign=("octo-agent",), review_request=("octo-agent", "octo/agents")
    )
    assert parse_repo_config("").triggers == TriggersConfig()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("lint: [ruff]\n", 1, "`lint` is not a text"),
        ("lint: ''\n", 1, "`lint` is empty"),
        ("environment: [A]\n", 1, "holds no variables"),
        ("environment:\n  A: 1\n  1A: 2\n", 3, "`1A` is no name of a variable"),
        ("environment:\n  A: [1]\n", 2, "one name and one value"),
        ("environment:\n  https_proxy: x\n", 2, "set by the sandbox itself"),
        ("environment:\n  Path: x\n", 2, "set by the sandbox itself"),
        ("environment:\n  PULLWRIGHT_X: x\n", 2, "set by the sandbox itself"),
        (f"environment:\n  A: {'x' * 5_000}\n", 2, "longer than"),
        ('environment:\n  A: "a\\0b"\n', 2, "a character that no variable can"),
        ("environment:\n  A: 1\n  A: 2\n", 3, "second time"),
        ("environment:\n" + "".join(f"  A{n}: 1\n" for n in range(51)), 2, "more than 50"),
        ("budget: -1\n", 1, "no amount of US dollars"),
        ("budget: nan\n", 1, "no amount of US dollars"),
        ("budget:\n  dollars: 1\n", 2, "`budget` has no key `dollars`"),
        ("budget:\n  turns: 0\n", 2, "`turns` can't be that"),
        ("model: a b\n", 1, "`model` can't be `a b`"),
        ("min_trust: member\n", 1, "`min_trust` can't be `member`"),
        ("triggers: all\n", 1, "Write for example `triggers: {label: false}`"),
        ("triggers:\n  mentions: false\n", 2, "Did you mean `mention`?"),
        ("triggers:\n  assign: [two words]\n", 2, "`assign` can't be that"),
        ("triggers:\n  assign: [octo/agents]\n", 2, "`assign` can't be that"),
    ],
)
def test_what_is_said_about_work_and_ways_is_checked(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigFault, match=re.escape(said)) as caught:
        parse_repo_config(text)
    assert caught.value.line == line
    assert caught.value.remedy


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(max_size=40), max_size=5))
def test_variables_come_back_as_they_were_written(variables: dict[str, str]) -> None:
    with contextlib.suppress(ConfigFault):  # taken names, characters that no variable can hold
        assert parse_repo_config(yaml.safe_dump({"environment": variables})).environment == variables


def test_every_key_has_the_line_where_it_stands() -> None:
    text = "# ours\ntest: pytest\n\nreview:\n  when: [opened]\n  most: 3\nbudget: 2\n"
    lines = {"test": 2, "review": 4, "review.when": 5, "review.most": 6, "budget": 7}
    assert find_lines(text) == lines
    assert find_lines("") == {}


# -- schedules -----------------------------------------------------------------------------------------------

SCHEDULES = """\
schedules:
  zone: Europe/Berlin
  usd_per_week: 20
  tasks:
    updates: {when: weekly mon, uses: dependencies}
    flaky:
      when: "0 3 * * 1-5"
      zone: Asia/Tokyo
      draft: yes
      prompt: |
        Run the tests.
        Twice.
"""


def test_schedules_are_read_with_what_holds_for_all_of_them():
    found = parse_repo_config(SCHEDULES).schedules
    assert (found.zone, found.usd_per_week, found.open_pulls) == ("Europe/Berlin", 20.0, 3)
    assert found.tasks["updates"] == ScheduleConfig(when="weekly mon", uses=BuiltIn.DEPENDENCIES)
    assert found.tasks["flaky"].prompt == "Run the tests.\nTwice.\n"
    assert (found.tasks["flaky"].zone, found.tasks["flaky"].draft) == ("Asia/Tokyo", True)
    assert find_lines(SCHEDULES)["schedules.tasks"] == 4


def test_a_schedule_says_what_it_reads_of_github():
    found = parse_repo_config(
        "schedules:\n  tasks:\n    triage: {when: daily, prompt: x, reads: issues}\n"
        "    stale: {when: daily, prompt: x, reads: [pull_requests, issues]}\n"
    ).schedules.tasks
    assert found["triage"].reads == (Reading.ISSUES,)
    assert found["stale"].reads == (Reading.PULL_REQUESTS, Reading.ISSUES)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("schedules: daily\n", 1, "holds no keys"),
        ("schedules:\n  zone: UTC\n  zon: UTC\n", 3, "Did you mean `zone`"),
        ("schedules:\n  zone: Mars/Base\n", 2, "there is no zone"),
        ("schedules:\n  open_pulls: 0\n", 2, "greater than or equal to 1"),
        ("schedules:\n  tasks: [a]\n", 2, "holds no schedules"),
        ("schedules:\n  tasks: {}\n  tasks: {}\n", 3, "second time"),
        ("schedules:\n  tasks:\n    Updates: {}\n", 3, "no name of a schedule"),
        ("schedules:\n  tasks:\n    a: {when: daily, prompt: x}\n    a: {}\n", 4, "second time"),
        ("schedules:\n  tasks:\n    a:\n      when: often\n      prompt: x\n", 4, "five cron fields"),
        ("schedules:\n  tasks:\n    a:\n      wen: daily\n", 4, "Did you mean `when`"),
        ("schedules:\n  tasks:\n    a: {prompt: x}\n", 3, "does not say when"),
        ("schedules:\n  tasks:\n    a: {when: daily}\n", 3, "does not say what"),
        ("schedules:\n  tasks:\n    a: {when: daily, uses: deps}\n", 3, "'dependencies'"),
        ("schedules:\n  tasks:\n    a: {when: daily, prompt: [[x]]}\n", 3, "nested too deeply"),
        ('schedules:\n  tasks:\n    a: {when: daily, prompt: "x\\0y"}\n', 3, "no text can"),
        (
            "schedules:\n  tasks:\n    a:\n      when: daily\n      reads: issue\n",
            5,
            "Did you mean `issues`?",
        ),
        ("schedules:\n  tasks:\n    a:\n      reads: [pull_request]\n", 4, "Did you mean `pull_requests`?"),
        ("schedules:\n  tasks:\n    a:\n      reads: [discussions]\n", 4, "'pull_requests' or 'issues'"),
        ("schedules:\n  tasks:\n    a:\n      read: [issues]\n", 4, "Did you mean `reads`"),
        ("schedules:\n  tasks:\n    a: {when: daily, uses: debt, reads: issues}\n", 3, "beside `uses`"),
        ("schedules:\n  tasks:\n    a: {when: daily, reads: issues}\n", 3, "does not say what"),
        ("schedules:\n  tasks:\n    a: 7\n", 3, "holds no keys"),
        (f"schedules:\n  tasks: {{{', '.join(f'a{n}: x' for n in range(30))}}}\n", 2, "more than"),
    ],
)
def test_a_fault_in_schedules_names_its_line_and_a_remedy(text, line, part):
    with pytest.raises(ConfigFault) as caught:
        parse_repo_config(text)
    assert (caught.value.line, part in str(caught.value)) == (line, True), str(caught.value)
    assert caught.value.remedy


def test_what_the_recipes_say_is_understood():
    text = (Path(__file__).parents[2] / "docs/maintenance.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(schedules:.*?)```", text, re.DOTALL)
    found = [parse_repo_config(one).schedules.tasks for one in blocks]
    assert [list(one) for one in found] == [["updates", "flaky"], ["stale"], ["triage"]]
    assert (found[1]["stale"].reads, found[2]["triage"].reads) == (
        (Reading.PULL_REQUESTS,),
        (Reading.ISSUES,),
    )
