"""The least that an agent can be: thirty lines that pass a model's commands to bash. The floor of `harness.py`."""

import http.client
import json
import subprocess
import sys

PROPERTIES = {"command": {"type": "string"}}
TOOL = {"name": "shell", "description": "Run.", "parameters": {"type": "object", "properties": PROPERTIES}}


def main(address: str, task: str) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": task}]
    connection = http.client.HTTPConnection(address)
    while True:
        body = {"model": "gpt-5", "tools": [{"type": "function", "function": TOOL}], "messages": messages}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        if "choices" not in answer:
            sys.exit(f"refused: {answer}")
        message = answer["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return
        for call in message["tool_calls"]:
            command = json.loads(call["function"]["arguments"])["command"]
            ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
            output = ran.stdout + ran.stderr + f"\nexit {ran.returncode}"
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
