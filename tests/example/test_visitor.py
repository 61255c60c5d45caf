"""The member of staff by HTTP, against a web server that says what each test needs."""

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from example_project.visitor import Assessor, PageProblem, Visitor, forms_of

LOG_IN = """<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="abc">
<input name="username"><input type="password" name="password"></form>"""
PLAN = """<form method="post" action="/accounts/logout/"><input name="csrfmiddlewaretoken" value="abc"></form>
<form method="post" action="/onefile/learner/7/refresh/"><input name="csrfmiddlewaretoken" value="abc">
<input name="next" value="/learners/7/delivery-plan/"></form>"""


@pytest.fixture
def visitor(httpserver: HTTPServer) -> Visitor:
    return Visitor(httpserver.url_for("/"))


def test_forms_include_their_initial_values() -> None:
    log_out, refresh = forms_of(PLAN)
    assert (log_out.action, log_out.method) == ("/accounts/logout/", "post")
    assert refresh.values == {"csrfmiddlewaretoken": "abc", "next": "/learners/7/delivery-plan/"}
    assert forms_of("<input name=stray>") == []


def test_logging_in_sends_the_form_and_keeps_the_session(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/accounts/login/", method="GET").respond_with_data(LOG_IN)
    httpserver.expect_request(
        "/accounts/login/", method="POST", data="csrfmiddlewaretoken=abc&username=admin&password=secret"
    ).respond_with_response(Response("in", headers={"Set-Cookie": "sessionid=1; Path=/"}))
    visitor.log_in("admin", "secret")
    assert visitor.session.cookies["sessionid"] == "1"


def test_a_refused_log_in_is_a_problem(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/accounts/login/").respond_with_data(LOG_IN)
    with pytest.raises(PageProblem, match="logging in led to"):
        visitor.log_in("admin", "wrong")


def test_pressing_refresh_leads_to_the_run(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/learners/7/delivery-plan/").respond_with_data(PLAN)
    httpserver.expect_request("/onefile/learner/7/refresh/", method="POST").respond_with_response(
        Response(status=302, headers={"Location": "/onefile/run/1/"})
    )
    httpserver.expect_request("/onefile/run/1/", method="GET").respond_with_data("a run")
    assert visitor.press_refresh("7") == httpserver.url_for("/onefile/run/1/")


def test_a_plan_without_the_button_is_a_problem(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/learners/7/delivery-plan/").respond_with_data(LOG_IN)
    with pytest.raises(PageProblem, match="no Refresh button"):
        visitor.press_refresh("7")


def test_a_refresh_that_leads_elsewhere_is_a_problem(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/learners/7/delivery-plan/").respond_with_data(PLAN)
    httpserver.expect_request("/onefile/learner/7/refresh/").respond_with_response(
        Response(status=302, headers={"Location": "/learners/7/delivery-plan/"})
    )
    with pytest.raises(PageProblem, match="not to a run"):
        visitor.press_refresh("7")


def test_a_refused_page_is_a_problem(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/learners/7/delivery-plan/").respond_with_data("no", status=403)
    with pytest.raises(PageProblem, match="answered 403"):
        visitor.press_refresh("7")


def test_a_run_is_watched_until_it_is_final(httpserver: HTTPServer, visitor: Visitor) -> None:
    pauses: list[float] = []
    for final in (False, False, True):
        httpserver.expect_ordered_request("/onefile/run/1/progress/").respond_with_json(
            {"final": final, "state": "running", "counts": {"updated": 1}}
        )
    progress = visitor.watch(httpserver.url_for("/onefile/run/1/"), sleep=pauses.append)
    assert progress["counts"] == {"updated": 1}
    assert len(pauses) == 2


def test_a_run_that_never_ends_is_a_problem(httpserver: HTTPServer, visitor: Visitor) -> None:
    httpserver.expect_request("/onefile/run/1/progress/").respond_with_json(
        {"final": False, "state": "queued"}
    )
    moments = iter([0.0, 30.0, 60.0])
    with pytest.raises(PageProblem, match="still queued after 60 seconds"):
        visitor.watch(
            httpserver.url_for("/onefile/run/1/"), clock=lambda: next(moments), sleep=lambda _: None
        )


def test_the_assessor_changes_the_number_and_leaves_the_rest(httpserver: HTTPServer) -> None:
    as_read = {"ID": 4, "UserID": 9, "RegistrationNumber": "OLD", "RegistrationDate": "2026-01-05T00:00:00Z"}
    session = {"X-TokenID": "a session"}
    httpserver.expect_request(
        "/api/v2.1/Authentication", method="POST", headers={"X-CustomerToken": "a token"}
    ).respond_with_data("a session")
    httpserver.expect_request("/api/v2.1/LearningAim/4", method="GET", headers=session).respond_with_json(
        as_read
    )
    httpserver.expect_request(
        "/api/v2.1/LearningAim/4",
        method="POST",
        headers=session,
        json={**as_read, "RegistrationNumber": "NEW"},
    ).respond_with_data(status=204)

    assessor = Assessor(httpserver.url_for("/api/v2.1"), "a token")

    assert assessor.registration_number(4) == "OLD"
    assessor.enter_registration_number(4, "NEW")
    httpserver.check()
