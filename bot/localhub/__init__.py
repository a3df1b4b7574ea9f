"""GitHub on localhost, for the demo and the tests: `server.HubServer` (thread), `server.serve` (process)."""
