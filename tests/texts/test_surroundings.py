from bot.texts.surroundings import Surroundings, render_surroundings


def test_nothing_is_said_when_everything_is_as_usual() -> None:
    assert render_surroundings(Surroundings("main", "", "a" * 40, "a" * 40)) == ()


def test_who_chose_the_base_that_it_moved_and_who_else_is_at_it_is_said() -> None:
    around = Surroundings("dev", "the milestone `1.2`", "a" * 40, "b" * 40, ((7, "eve"),))
    assert render_surroundings(around) == (
        "It goes to `dev`: the milestone `1.2` says so.",
        "`dev` has moved on to `bbbbbbbbbb` meanwhile. What was measured is this change on `aaaaaaaaaa`.",
        "#7 by eve is open for the same issue.",
    )
