"""Prepare: fetch the pinned commit, decide on set-up and tests, run the set-up once, try the test command."""

from bot.domain.repo_config import REPO_CONFIG_PATH
from bot.errors import RepositoryFault
from bot.tasks.change.desk import Desk
from bot.tasks.change.facts import Chosen
from bot.tasks.change.ground import choose_commands, settle_setup, settle_test
from bot.tasks.change.prepare import refuse_model


async def prepare(desk: Desk) -> None:
    """Raises RepositoryFault, SetupFailed (a set-up that somebody named), SandboxUnavailable."""
    request, services = desk.request, desk.services
    ref = f"refs/heads/{request.base_branch}"
    base = await desk.with_remote(
        desk.fetch_remote, lambda remote: services.repos.fetch(desk.key, remote, ref, desk.facts.base_commit)
    )
    await desk.learn(base_tree=base.tree, host=services.settings.host)
    chosen, tests = await choose_commands(desk.place, await desk.base_files(), services.settings.commands)
    await learn_chosen(desk, chosen)
    await desk.learn(setup=await settle_setup(desk.ground))
    await desk.learn(test=await settle_test(desk.ground, tests))


async def learn_chosen(desk: Desk, chosen: Chosen) -> None:
    """How the base is set up and tested, as facts of the task. Raises RepositoryFault."""
    if (refused := refuse_model(chosen.rules, desk.services.named)) is not None:
        allowed = ", ".join(f"`{name}`" for name in desk.services.named)
        raise RepositoryFault(f"{REPO_CONFIG_PATH}: {refused}", f"It allows {allowed}.")
    await desk.learn(
        setup=chosen.setup,
        test=chosen.test,
        network=chosen.network,
        maintenance=chosen.maintenance,
        image=chosen.image,
        protected=chosen.protected,
        allowed=chosen.allowed,
        rules=chosen.rules,
    )
