"""Prepare: fetch the pinned commit, decide on set-up and tests, run the set-up once."""

from bot.tasks.change.desk import Desk
from bot.tasks.change.ground import choose_commands, settle_setup


async def prepare(desk: Desk) -> None:
    """Raises RepositoryFault, SetupFailed (a set-up that somebody named), SandboxUnavailable."""
    request, services = desk.request, desk.services
    ref = f"refs/heads/{request.base_branch}"
    base = await desk.with_remote(
        desk.fetch_remote, lambda remote: services.repos.fetch(desk.key, remote, ref, desk.facts.base_commit)
    )
    await desk.learn(base_tree=base.tree)
    setup, test = await choose_commands(desk.place, await desk.base_files(), services.settings.commands)
    await desk.learn(setup=setup, test=test)
    await desk.learn(setup=await settle_setup(desk.ground))
