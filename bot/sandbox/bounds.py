"""How much one command may take of the host. The product's figures stand in `bot.domain.limits`. Pure."""

from dataclasses import dataclass

from bot.domain import limits


@dataclass(frozen=True)
class Bounds:
    """Bytes and counts for everything that one command starts; disk counts for the whole workspace."""

    memory_bytes: int = limits.SANDBOX_MEMORY_BYTES
    processes: int = limits.SANDBOX_PROCESSES
    cpus: float = limits.SANDBOX_CPUS
    disk_bytes: int = limits.SANDBOX_DISK_BYTES
    disk_files: int = limits.SANDBOX_DISK_FILES
    disk_free_bytes: int = limits.SANDBOX_DISK_FREE_BYTES

    @property
    def memory_text(self) -> str:
        """For a person: which bound, and its size."""
        return f"over {self.memory_bytes >> 20} MiB of memory"

    def processes_text(self, refused: int) -> str:
        """For the model: how many starts of processes were refused, and at which bound."""
        return f"{refused} starts of processes or threads were refused: at most {self.processes} processes at once"
