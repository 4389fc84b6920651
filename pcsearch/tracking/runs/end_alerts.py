"""The alerts that come with the ends of runs: sends them, and knows which is still to be sent."""

from __future__ import annotations

from pcsearch.tracking.runs.context import RunHistory
from pcsearch.tracking.runs.lifecycle import RunEnd
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.server.server_runs import ServerRuns


class EndAlerts:
    """The alerts of a search's runs.

    Args:
        server: that sends them.
        history: where it is written down that the one about the end of the search is sent.
        problems: tells the user that one was not sent.
    """

    def __init__(self, server: ServerRuns, history: RunHistory, problems: Problems) -> None:
        self._server, self._history, self._problems = server, history, problems
        self.lacking = False
        """Whether the one about the end of the search is not sent; a later session can send it."""

    def expect(self, end: RunEnd) -> None:
        """Take note of a run's end before `send` is called for it."""
        self.lacking |= end.alert is not None and end.search_over

    def send(self, run_id: str, end: RunEnd, online: bool) -> None:
        """Have the server send the alert that comes with the end of a run.

        An offline run has it in its file already.
        """
        if end.alert is None:
            return
        with self._problems.noting("an alert was not sent"):
            if online:
                self._server.send_alert(run_id, *end.alert)
            if end.search_over:
                self._history.record_alert(online)
                self.lacking = False
