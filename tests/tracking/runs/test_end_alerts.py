"""The alerts that come with the ends of runs."""

from __future__ import annotations

from wandb_server import Run, WandbServer

from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.runs.context import RunHistory
from pcsearch.tracking.runs.end_alerts import EndAlerts
from pcsearch.tracking.runs.lifecycle import RunEnd
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.server.server_runs import ServerRuns

END = RunEnd({}, 0, alert=Alert("Over", "All is done.", "INFO"))


def test_the_alert_of_the_search_is_lacking_until_it_is_sent(server: WandbServer) -> None:
    server.runs["a"] = Run("team", "pc", "a")
    recorded: list[bool] = []
    problems = Problems()
    history = RunHistory(record_alert=recorded.append)
    alerts = EndAlerts(ServerRuns("pc", "team"), history, problems)
    alerts.expect(RunEnd({}, 0))
    assert not alerts.lacking
    alerts.expect(END)
    assert alerts.lacking
    server.refusals["NotifyScriptableRunAlert"] = "no such run"
    alerts.send("a", END, online=True)
    assert alerts.lacking
    assert recorded == []
    (problem,) = problems.lines
    assert "an alert was not sent" in problem
    assert "no such run" in problem
    server.refusals.clear()
    alerts.send("a", END, online=True)
    assert not alerts.lacking
    assert recorded == [True]
    assert [each["title"] for each in server.alerts] == ["Over"]


def test_an_alert_in_the_middle_of_a_search_is_not_its_end(server: WandbServer) -> None:
    recorded: list[bool] = []
    history = RunHistory(record_alert=recorded.append)
    alerts = EndAlerts(ServerRuns("pc", "team"), history, Problems())
    end = RunEnd({}, 0, alert=END.alert, search_over=False)
    alerts.expect(end)
    assert not alerts.lacking
    alerts.send("a", end, online=False)
    alerts.send("a", RunEnd({}, 0), online=True)
    assert recorded == []
    # The file of an offline run has it already.
    assert server.alerts == []
