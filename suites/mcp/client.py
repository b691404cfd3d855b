"""A server in a process of its own, and the SDK client that is connected to it."""

import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

LIMIT_S: Final = 60.0  # for an answer


class Server:
    """A server and its client, for synchronous tests."""

    def __init__(self, portal: Any, client: Any, mark: str) -> None:
        self._portal, self._client = portal, client
        self.mark = mark
        """A value in the environment of the server and of every process it starts, and of no other."""

    def tools(self) -> list[Any]:
        """The tools it lists."""
        return list(self._portal.call(self._client.list_tools).tools)

    def start(self, tool: str, *, progress: Any = None, **arguments: Any) -> Any:
        """Start a call; gives a future of the answer. Cancelling the future cancels the call."""

        async def call() -> Any:
            return await self._client.call_tool(tool, arguments, LIMIT_S, progress)

        return self._portal.start_task_soon(call)

    def call(self, tool: str, **arguments: Any) -> Any:
        """The answer to a call."""
        return self.start(tool, **arguments).result(LIMIT_S)

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a call; an error fails the test."""
        answer = self.call(tool, **arguments)
        assert not answer.is_error, f"{tool}: {answer.content[0].text}"
        found: dict[str, Any] = answer.structured_content
        return found


@contextmanager
def connect(
    *roots: Path,
    options: Sequence[str] = (),
    program: tuple[str, ...] = ("-m", "tinyvmaf"),
    mode: str = "auto",
    **variables: str,
) -> Iterator[Server]:
    """A server on roots, with options of the command line and variables, and a client that is connected to it."""
    from anyio.from_thread import start_blocking_portal
    from mcp import Client, StdioServerParameters

    mark = uuid.uuid4().hex
    arguments = [*program, "mcp", *options, *(word for root in roots for word in ("--root", str(root)))]
    environment = os.environ | {"TINYVMAF_MCP_MARK": mark} | variables
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        client = Client(parameters, mode=mode, read_timeout_seconds=LIMIT_S)
        context = portal.wrap_async_context_manager(client)
        context.__enter__()
        # Do not pass a test's exception in: the SDK would wrap it and hide the failure.
        stack.callback(context.__exit__, None, None, None)
        yield Server(portal, client, mark)


def schema_of(tools: list[Any]) -> dict[str, Any]:
    """Everything that a client sees of the tools, by name."""
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}
