"""A thread of the store's own, so that Home Assistant's executor is neither used nor waited for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Thread:
    """Runs functions one after the other in a thread, which lives from the first use to `close`."""

    def __init__(self, name: str) -> None:
        """Take the thread's name."""
        self._name = name
        self._executor = ThreadPoolExecutor(1, name)

    async def run[T](self, function: Callable[[], T]) -> T:
        """Run a function and return its result; it runs to its end even if nobody waits for it any more."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def call[T](self, function: Callable[[], T]) -> T:
        """Run a function and return its result; the thread that asks for it, which must be another one, waits."""
        return self._executor.submit(function).result()

    def close(self) -> None:
        """End the thread; the next use begins another one."""
        self._executor.shutdown()
        self._executor = ThreadPoolExecutor(1, self._name)
