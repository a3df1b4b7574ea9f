"""Programs of ours that run inside the sandbox, given in read-only. Never imported by the bot itself."""
