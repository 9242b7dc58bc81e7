"""The outcome of the contract suites as tables: what every provider must do, and every vendor that sends."""

from collections import Counter
from collections.abc import Collection
import sys

import pytest

from custom_components.sms_inbox.providers import POLLED
from custom_components.sms_inbox.providers.sending import SENDING

SUITES = (
    "tests/providers/test_contract.py",
    "tests/test_words.py",
    "tests/test_config_flow.py::test_pasted_blanks",
    "tests/test_config_flow.py::test_password_with_blanks",
    "tests/test_registration.py",
)
SENDING_SUITE = "tests/providers/test_sending.py"


class Outcomes:
    """Counts the tests of the suites, and notes what those of sending say came of a text; a plugin of pytest's."""

    def __init__(self) -> None:
        """Begin with none."""
        self.run: Counter[tuple[str, str]] = Counter()
        self.passed: Counter[tuple[str, str]] = Counter()
        self.noted: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test by its case and its provider; an error before or after it is no success."""
        case, _, parameters = report.nodeid.partition("::")[2].partition("[")
        parts = _parts(parameters)
        provider = next((key for key in POLLED if key in parts), None)
        if not provider:
            return
        if report.nodeid.startswith(SENDING_SUITE):
            parts.remove(provider)
            self._note(" ".join((case, *parts)), provider, report)
        elif report.when == "call":
            self.run[case, provider] += 1
            self.passed[case, provider] += report.passed
        elif report.failed:
            self.run[case, provider] += 1

    def _note(self, case: str, provider: str, report: pytest.TestReport) -> None:
        """Note what a test of sending says; one that fails, in one of its subtests, too, says no more than that."""
        said = "FAILED" if report.failed else str(dict(report.user_properties).get("outcome", ""))
        if self.noted.get((case, provider)) != "FAILED":
            self.noted[case, provider] = said or self.noted.get((case, provider), "")


def _parts(parameters: str) -> list[str]:
    """Return the parameters of a test, as its name has them."""
    return parameters.removesuffix("]").split("-")


def _show(title: str, rows: dict[str, list[str]], keys: Collection[str]) -> None:
    """Print a table."""
    first = max(map(len, (title, *rows)))
    lines = [(title, *keys), *((name, *cells) for name, cells in rows.items())]
    wide = [max(len(line[column]) for line in lines) for column in range(1, len(keys) + 1)]
    print()
    for name, *cells in lines:
        print(f"{name:{first}}", *(f"{cell:>{width}}" for cell, width in zip(cells, wide, strict=True)), sep="  ")


def main() -> int:
    """Run the suites, print the tables, and return the exit code."""
    outcomes = Outcomes()
    code = pytest.main([*SUITES, SENDING_SUITE, "-q", "--no-header", "--show-capture=no"], plugins=[outcomes])
    cases = dict.fromkeys(case for case, _ in outcomes.run)
    counted = {case: [f"{outcomes.passed[case, key]}/{outcomes.run[case, key]}" for key in POLLED] for case in cases}
    _show("case", counted, POLLED)
    noted = {
        case.removeprefix("test_"): [outcomes.noted.get((case, key), "") for key in SENDING]
        for case in dict.fromkeys(case for case, _ in outcomes.noted)
    }
    texts = {name.removeprefix("text "): cells for name, cells in noted.items() if name.startswith("text ")}
    _show("sending", {name: cells for name, cells in noted.items() if not name.startswith("text ")}, SENDING)
    _show("a phone shows exactly", texts, SENDING)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
