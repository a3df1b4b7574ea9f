"""The operator's settings: the only reader of the environment (and of `.env`).

Every setting is `PULLWRIGHT_<NAME>`; the model's key and address keep the names that its own tools use
(`OPENAI_API_KEY`, `OPENAI_BASE_URL`). Secrets may lie in files named like their variables (PULLWRIGHT_SECRETS_DIR).
What `pullwright setup` sealed stands in for the App's settings that are not given. All faults are reported at once.
Nothing is read at import, and secrets are `SecretStr`, so that no log or traceback shows them.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from bot.domain import limits
from bot.domain.allowance import Allowances, Cost
from bot.errors import SettingsFault
from bot.host_settings import HostSettings, long_enough, split_commas


class Settings(HostSettings):
    """What an operator of the App can set. `docs/configuration.md` is generated from these descriptions."""

    app_id: int = Field(description="The GitHub App's id.", gt=0)
    private_key: SecretStr = Field(SecretStr(""), description="The App's private key (PEM), by value.")
    private_key_path: Path | None = Field(
        None, description="The App's private key, by path.", validate_default=True
    )
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="One webhook secret, or two separated by a comma while one is being rotated.",
        min_length=1,
        max_length=2,
    )
    api_url: str = Field(
        "https://api.github.com", description="GitHub's API; for Enterprise Server `https://HOST/api/v3`."
    )
    web_url: str = Field(
        "https://github.com", description="Where git and the pages are; for Enterprise Server `https://HOST`."
    )
    handle: str = Field(
        "agent",
        description="The name people mention: `agent` for `@agent`.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
    )

    vault_key_path: Path | None = Field(
        None,
        description="The key of what `pullwright setup` stored; empty: `vault.key` in the data directory. Better "
        "kept elsewhere.",
    )
    secrets_dir: Path | None = Field(
        None,
        description="Directory of files that are named like these variables and hold one value each: secrets of a "
        "container platform, credentials of a systemd unit. The environment comes first.",
    )
    database_url: str = Field("", description="PostgreSQL URL; empty: SQLite in the data directory.")
    host: str = Field("127.0.0.1", description="Address that the webhook receiver listens on.")
    port: int = Field(8080, description="Port that the webhook receiver listens on.", ge=0, le=65535)

    second_look: bool = Field(
        False,
        description="Have the finished change read once more by the model in a fresh context, as advice: it may send "
        "the change back once or add a word for the reviewer, never change what was measured. One request for a task.",
    )
    metrics_port: int = Field(
        0, description="Port of the worker's metrics for Prometheus (`/metrics`); 0: none.", ge=0, le=65535
    )
    metrics_host: str = Field("127.0.0.1", description="Address of the worker's metrics.")

    fleet_tasks: int = Field(
        limits.FLEET_TASKS, description="Tasks that run at once on all workers together.", ge=1
    )
    worker_tasks: int | None = Field(
        None,
        description="Tasks that run at once on one worker, the same on all of them; empty: as many as on all together.",
        ge=1,
    )
    drain_s: float = Field(
        0,
        description="Seconds for which a worker that is told to stop lets its tasks come to their end, and takes no "
        "new ones; what is left is handed to other workers. A second signal ends it at once. Whoever stops it has to "
        "wait for 20 s longer.",
        ge=0,
    )
    repository_tasks: int = Field(
        limits.REPOSITORY_TASKS, description="Tasks that run at once for one repository.", ge=1
    )
    installation_tasks: int = Field(
        limits.INSTALLATION_TASKS, description="Tasks that run at once for one installation.", ge=1
    )
    issue_usd: float = Field(
        limits.ISSUE_BUDGETS * limits.AGENT_MONEY_USD,
        description="US dollars for all tasks of one issue together.",
        ge=0,
    )
    author_day_usd: float = Field(
        limits.AUTHOR_DAY_BUDGETS * limits.AGENT_MONEY_USD,
        description="US dollars for all tasks that one person asks for within 24 hours.",
        ge=0,
    )
    repository_day_usd: float = Field(
        limits.REPOSITORY_DAY_BUDGETS * limits.AGENT_MONEY_USD,
        description="US dollars for all tasks of one repository within 24 hours.",
        ge=0,
    )
    day_usd: float = Field(
        limits.DAY_BUDGETS * limits.AGENT_MONEY_USD,
        description="US dollars for all tasks within 24 hours.",
        ge=0,
    )
    tokens_per_usd: int = Field(
        limits.TOKENS_PER_USD,
        description="Tokens that count as a dollar in the four limits above, for models without a known price.",
        ge=1,
    )
    ci_quiet_s: float = Field(
        limits.CI_QUIET_S,
        description="Checks of a commit are taken as over when none runs and none has ended for so many seconds.",
        ge=0,
    )
    ci_wait_s: float = Field(
        limits.CI_WAIT_S,
        description="Seconds for which checks of a commit are waited for; then what is known has to do.",
        ge=0,
    )
    write_spacing_s: float = Field(
        limits.WRITE_SPACING_S, description="Seconds between two writes to GitHub of one installation.", ge=0
    )

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: Any) -> Any:
        return split_commas(value)

    @field_validator("webhook_secrets")
    @classmethod
    def _secrets_are_long(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 16 for secret in value):
            raise ValueError("a webhook secret has at least 16 characters")
        return value

    # The checks stand at fields, not at the whole: so they are reported together with every other fault.
    @field_validator("private_key_path")
    @classmethod
    def _a_key_is_given(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        by_value = info.data.get("private_key", SecretStr("")).get_secret_value()
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        if value is None and not by_value:
            raise ValueError("PULLWRIGHT_PRIVATE_KEY or PULLWRIGHT_PRIVATE_KEY_PATH: one of them is needed")
        if "PRIVATE KEY-----" not in (by_value or (value.read_text(errors="replace") if value else "")):
            raise ValueError("the App's private key is no PEM file; download a new one on the App's page")
        return value

    @field_validator("secrets_dir")
    @classmethod
    def _the_directory_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"there is no directory {value}")
        return value

    @property
    def private_key_pem(self) -> str:
        """The key's text, from wherever it was given."""
        if self.private_key_path is not None:
            return self.private_key_path.read_text()
        return self.private_key.get_secret_value()

    @property
    def allowances(self) -> Allowances:
        """What an issue, a person, a repository and a day may cost."""
        money = (self.issue_usd, self.author_day_usd, self.repository_day_usd, self.day_usd)
        return Allowances(*(Cost(int(usd * self.tokens_per_usd), usd) for usd in money))

    @property
    def literal_secrets(self) -> tuple[str, ...]:
        """See `HostSettings.literal_secrets`."""
        return (*super().literal_secrets, *long_enough(self.private_key, *self.webhook_secrets))

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the one database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'pullwright.db'}"


class LocalSettings(HostSettings):
    """The settings of `pullwright run`: no App, no service, everything below the user's own cache.

    No `.env`: the working directory is the repository to work on, which must not choose our model or our sandbox.
    """

    model_config = SettingsConfigDict(env_file=None)

    data_dir: Path = Field(default_factory=lambda: user_cache() / "pullwright")


class ProofSettings(LocalSettings):
    """The settings of `pullwright verify --again`: no model is asked, so none has to be there."""

    @field_validator("recording")
    @classmethod
    def _a_model_can_be_asked(cls, value: Path | None, _info: ValidationInfo) -> Path | None:
        return value


def user_cache() -> Path:
    """Where this user's programs keep what can be made again (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".cache"


def host_environment(own: frozenset[str] | None) -> dict[str, str]:
    """The environment to hand to a child process: all of ours (None), or of `PULLWRIGHT_*` only the names in
    `own`: for the demo, whose bot must not meet the operator's own database, key or address."""
    return {
        name: value
        for name, value in os.environ.items()
        if own is None or not name.startswith("PULLWRIGHT_") or name in own
    }


class _Place(BaseSettings):
    """Where the vault and the files of secrets are: needed before the rest can be read."""

    model_config = SettingsConfigDict(env_prefix="PULLWRIGHT_", env_file=".env", extra="ignore")

    data_dir: Path = Settings.model_fields["data_dir"].default
    vault_key_path: Path | None = None
    secrets_dir: Path | None = None


class _Loaded(Settings):
    """The settings with their files next, and the vault's as the last choice: the environment comes first."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        place = _Place().secrets_dir
        files = (SecretsSettingsSource(settings_cls, place),) if place and place.is_dir() else ()
        return env_settings, dotenv_settings, *files, init_settings


def vault_place() -> tuple[Path, Path]:
    """The data directory and the vault's key, from the environment: for `pullwright setup`, which has no more."""
    from bot.vault import key_path  # it loads what encrypts, which the local commands never need

    place = _Place()
    return place.data_dir, key_path(place.data_dir, place.vault_key_path)


def _from_vault() -> dict[str, Any]:
    """What `pullwright setup` stored, under the names of the settings. Raises SettingsFault."""
    from bot.vault import unseal

    found = unseal(*vault_place())
    if found is None:
        return {}
    return {
        "app_id": found.app_id,
        "private_key": found.private_key,
        "webhook_secrets": (found.webhook_secret,),
        "api_url": found.api_url,
        "web_url": found.web_url,
    }


def load_settings() -> Settings:
    """Read the environment, `.env`, the files of secrets and the vault. Raises SettingsFault that lists every
    fault, one a line."""
    try:
        return _Loaded(**_from_vault())
    except ValidationError as error:
        raise _faults(error, "or in .env", "create the App with `pullwright setup`") from error


def load_local_settings(**given: Any) -> LocalSettings:
    """The environment, with `given` (the command's options) before it.

    Raises SettingsFault that lists every fault, one a line.
    """
    try:
        return LocalSettings(**given)
    except ValidationError as error:
        raise _faults(error, "alone: never in a .env", "see `pullwright run --help`") from error


def load_proof_settings() -> ProofSettings:
    """The environment alone. Raises SettingsFault that lists every fault, one a line."""
    try:
        return ProofSettings(**{})
    except ValidationError as error:
        raise _faults(error, "alone: never in a .env", "see `pullwright verify --help`") from error


def _faults(error: ValidationError, where: str, other_way: str) -> SettingsFault:
    lines = [line for fault in error.errors() for line in _describe(fault)]
    return SettingsFault(
        "The settings are not complete:\n" + "\n".join(f"  - {line}" for line in lines),
        f"Set them in the environment {where} (docs/configuration.md explains each one), or {other_way}.",
    )


def _describe(fault: Any) -> list[str]:
    """One pydantic fault as lines for the operator; the value is never shown, it may be a secret."""
    name = str(fault["loc"][0])
    variable = name if name.isupper() else f"PULLWRIGHT_{name.upper()}"
    message = "missing" if fault["type"] == "missing" else str(fault["msg"]).removeprefix("Value error, ")
    return [message if message.startswith(("PULLWRIGHT_", "OPENAI_")) else f"{variable}: {message}"]
