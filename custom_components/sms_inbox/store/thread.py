"""A thread of the store's own, so that Home Assistant's executor is neither used nor waited for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress


class Thread:
    """Runs functions one after the other in a thread, which lives from the first use to `close`."""

    def __init__(self, name: str) -> None:
        """Take the thread's name."""
        self._name = name
        self._executor = ThreadPoolExecutor(1, name)

    async def run[T](self, function: Callable[[], T]) -> T:
        """Run a function and return its result; it runs to its end even if nobody waits for it any more.

        Results come in the order in which they were asked for. `loop.run_in_executor` doesn't keep it: a function that
        has ended before its caller waits returns at once, before those whose results are on their way.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = function()
            except BaseException as err:  # noqa: BLE001 - whoever waits gets it
                tell(future.set_exception, err)
            else:
                tell(future.set_result, result)

        def tell[R](settle: Callable[[R], None], value: R) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(lambda: None if future.done() else settle(value))

        self._executor.submit(work)
        return await future

    def call[T](self, function: Callable[[], T]) -> T:
        """Run a function and return its result; the thread that asks for it, which must be another one, waits."""
        return self._executor.submit(function).result()

    def close(self) -> None:
        """End the thread; the next use begins another one."""
        self._executor.shutdown()
        self._executor = ThreadPoolExecutor(1, self._name)
