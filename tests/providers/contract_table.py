"""The outcome of the contract suites as a table: what every provider must do, by provider."""

from collections import Counter
import sys

import pytest

from custom_components.sms_inbox.providers import POLLED

SUITES = (
    "tests/providers/test_contract.py",
    "tests/test_words.py",
    "tests/test_config_flow.py::test_pasted_blanks",
    "tests/test_config_flow.py::test_password_with_blanks",
    "tests/test_registration.py",
)


class Outcomes:
    """Counts the tests of the suites, a plugin of pytest's."""

    def __init__(self) -> None:
        """Begin with none."""
        self.run: Counter[tuple[str, str]] = Counter()
        self.passed: Counter[tuple[str, str]] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test by its case and its provider; an error before or after it is no success."""
        case, _, parameters = report.nodeid.partition("::")[2].partition("[")
        provider = next((key for key in POLLED if key in _parts(parameters)), None)
        if provider and report.when == "call":
            self.run[case, provider] += 1
            self.passed[case, provider] += report.passed
        elif provider and report.failed:
            self.run[case, provider] += 1


def _parts(parameters: str) -> list[str]:
    """Return the parameters of a test, as its name has them."""
    return parameters.removesuffix("]").split("-")


def main() -> int:
    """Run the suites, print the table, and return the exit code."""
    outcomes = Outcomes()
    code = pytest.main([*SUITES, "-q", "--no-header", "--show-capture=no"], plugins=[outcomes])
    width = max(len(case) for case, _ in outcomes.run)
    print(f"\n{'case':{width}}", *(f"{key:>12}" for key in POLLED))
    for case in dict.fromkeys(case for case, _ in outcomes.run):
        cells = [f"{outcomes.passed[case, key]}/{outcomes.run[case, key]}" for key in POLLED]
        print(f"{case:{width}}", *(f"{cell:>12}" for cell in cells))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
