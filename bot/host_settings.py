"""What every piece of work needs of the operator: the model, the sandbox, the budget. The App's own are `settings.py`.

Here the fields stand with what they mean and how they are checked; reading them is `settings.py`'s alone.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.domain import limits
from bot.llm.features import Wire
from bot.llm.prices import EXAMPLE, PriceList, parse_prices

CommaList = Annotated[tuple[str, ...], NoDecode]


def split_commas(value: Any) -> Any:
    """A text's parts between commas; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def long_enough(*given: SecretStr) -> tuple[str, ...]:
    """Secrets that can be looked for in a text without hitting ordinary words."""
    return tuple(secret.get_secret_value() for secret in given if len(secret.get_secret_value()) >= 8)


class HostSettings(BaseSettings):
    """What every piece of work needs: the model, the sandbox, the budget. Enough for `pullwright run`."""

    model_config = SettingsConfigDict(
        env_prefix="PULLWRIGHT_",
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # a command reads one kind of settings and need not build the others
    )

    data_dir: Path = Field(
        Path("/var/lib/pullwright"),
        description="Caches, workspaces, keys and the SQLite database. Local disk.",
    )
    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"),
        description="Key of the model's server.",
    )
    openai_base_url: str = Field(
        "",
        validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"),
        description="Any OpenAI-compatible server; empty: OpenAI's own.",
    )
    model: str = Field("gpt-5", description="The model's name at that server.")
    second_model: str = Field(
        "",
        description="The model of a fresh attempt after a red end, at the same server; empty: the same one.",
    )
    fresh_attempt: bool = Field(
        True, description="Whether a change whose verification stayed red is tried once more from the start."
    )
    models: CommaList = Field(
        (),
        description="Other models of that server that people may name with `--model`, separated by commas.",
    )
    wire: Wire = Field(
        Wire.AUTO,
        description="`responses`, `chat` (Chat Completions), or `auto`: as the model's family is known, and "
        "Chat Completions where the server has no more.",
    )
    effort: str = Field(
        "",
        description="Reasoning effort to ask for (`low`, `medium`, `high` ...); empty: as the family is known.",
        pattern=r"^[a-z]*$",
    )
    prices: Annotated[PriceList, NoDecode] = Field(
        (),
        description="US dollars per million tokens, as JSON or the path of such a file: "
        f"`{EXAMPLE}`. They go before the known ones; without any, the cost is unknown.",
    )
    model_idle_s: float = Field(
        limits.MODEL_IDLE_S,
        description="Seconds without a byte from the model's server after which the request is sent again.",
        gt=0,
    )
    recording: Path | None = Field(
        None,
        description="Play the model from this recording (the demo); never for real work.",
        validate_default=True,
    )
    record_to: Path | None = Field(
        None, description="Write the model's replies to this file, to be played again (the demo)."
    )

    sandbox_uid: int = Field(
        64738,
        description="Host user id that owns what sandboxes read and write when the worker is root; their processes run "
        "as the 256 ids after it, one for each workspace.",
        ge=1000,
        le=60_000_000,
    )
    bwrap: Path | None = Field(
        None, description="The bubblewrap to use; empty: the system's, else the bundled one."
    )
    toolchains: CommaList = Field(
        (), description="Directories outside /usr that the sandbox shows read-only, separated by commas."
    )
    sandbox_backends: CommaList = Field(
        ("bubblewrap",),
        description="Sandboxes to try, in this order: `bubblewrap`, `container`. The first that passes its "
        "preflight is taken; one that is not named never is.",
    )
    container_engine: str = Field(
        "", description="Podman or Docker, by name or path; empty: Podman, else Docker."
    )
    container_image: str = Field(
        "", description="Image of the container sandbox: with bash, coreutils, sed and Python 3."
    )
    container_images: CommaList = Field(
        (),
        description="Patterns of images that a repository's `.devcontainer` may name, such as "
        "`registry.example/dev/*`; empty: none.",
    )
    container_runtime: str = Field(
        "", description="Runtime of containers, such as `runsc`; empty: the engine's own."
    )
    environment_days: float = Field(
        limits.ENVIRONMENT_DAYS, description="Days until an environment that nothing used is removed.", gt=0
    )
    environment_gib: float = Field(
        limits.ENVIRONMENT_BYTES / 1024**3, description="Gibibytes of all environments together.", gt=0
    )
    cache_days: float = Field(
        limits.CACHE_DAYS,
        description="Days until the cache of a repository, or a measured baseline, that no task used is removed.",
        gt=0,
    )
    cache_gib: float = Field(
        limits.CACHE_BYTES / 1024**3, description="Gibibytes of all repositories' caches together.", gt=0
    )
    egress_hosts: CommaList = Field(
        (), description="Hosts that every set-up may reach, beside the package registries."
    )
    egress_pins: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="`host=network` pairs separated by commas: hosts that resolve to non-global addresses "
        "(mirrors inside a company).",
    )
    egress_ca: Path | None = Field(
        None, description="CA bundle handed to set-up, for mirrors with a certificate of their own."
    )
    setup_command: str = Field("", description="Set-up for repositories that name none; empty: detected.")
    test_command: str = Field(
        "", description="Test command for repositories that name none; empty: detected."
    )

    turns: int = Field(limits.AGENT_TURNS, description="Model answers for one task.", ge=1)
    tokens: int = Field(
        limits.AGENT_TOKENS, description="Tokens for one task, input and output together.", ge=1000
    )
    money_usd: float = Field(
        limits.AGENT_MONEY_USD, description="US dollars for one task, where the model's price is known.", gt=0
    )
    minutes: float = Field(
        limits.AGENT_MINUTES, description="Minutes of work for one task, verification not counted.", gt=0
    )

    @field_validator(
        "toolchains", "egress_hosts", "models", "sandbox_backends", "container_images", mode="before"
    )
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return split_commas(value)

    @field_validator("egress_pins", mode="before")
    @classmethod
    def _parse_pins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pins: dict[str, str] = {}
        for pair in filter(None, (part.strip() for part in value.split(","))):
            host, equals, network = pair.partition("=")
            if not equals:
                raise ValueError(f"`{pair}` is not of the form host=network")
            pins[host.strip().lower()] = str(ipaddress.ip_network(network.strip(), strict=False))
        return pins

    @field_validator("prices", mode="before")
    @classmethod
    def _parse_prices(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.strip() or value.lstrip().startswith("{"):
            return parse_prices(value) if value.strip() else ()
        path = Path(value)
        if not path.is_file():
            raise ValueError(f"there is no file {value}")
        return parse_prices(path.read_text(encoding="utf-8"))

    # The checks stand at fields, not at the whole: so they are reported together with every other fault.
    @field_validator("recording")
    @classmethod
    def _a_model_can_be_asked(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        key = info.data.get("openai_api_key")
        if value is None and not (key and key.get_secret_value()):
            raise ValueError("OPENAI_API_KEY: needed to ask a model (any text, if the server wants none)")
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("write the whole address, with http:// or https://")
        return value

    @field_validator("sandbox_backends")
    @classmethod
    def _backends_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or any(name not in ("bubblewrap", "container") for name in value):
            raise ValueError("name `bubblewrap`, `container`, or both separated by a comma")
        return tuple(dict.fromkeys(value))

    @field_validator("egress_ca")
    @classmethod
    def _the_bundle_is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @property
    def literal_secrets(self) -> tuple[str, ...]:
        """Every secret value that we were given, so that no text ever shows one."""
        return long_enough(self.openai_api_key)

    @property
    def toolchain_paths(self) -> tuple[Path, ...]:
        return tuple(Path(name) for name in self.toolchains)
