"""Simulates a member of staff who uses the example PICSWeb in a browser without JavaScript."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class PageProblem(Exception):
    """A page is not as expected. The message says which page, and what is wrong."""


@dataclass
class Form:
    """A form on a page, with its initial values."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif tag == "input" and self.found and "name" in given and given.get("type") != "checkbox":
            self.found[-1].values[given["name"]] = given.get("value", "")


def forms_of(page: str) -> list[Form]:
    """The forms of an HTML page, in order."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


class Visitor:
    """Logs in, opens pages and presses buttons. Raises :class:`PageProblem` if a page is not as expected."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.session = requests.Session()
        # Calls to this machine must not go through a proxy.
        self.session.trust_env = False

    def open(self, path: str) -> requests.Response:
        answer = self.session.get(urljoin(self.site, path), timeout=30)
        if answer.status_code != requests.codes.ok:
            raise PageProblem(f"{path} answered {answer.status_code}")
        return answer

    def send(self, page: requests.Response, form: Form, **typed: str) -> requests.Response:
        """Fill in a form, send it and return the next page."""
        answer = self.session.request(
            form.method,
            urljoin(page.url, form.action),
            data={**form.values, **typed},
            headers={"Referer": page.url},
            timeout=30,
        )
        if answer.status_code != requests.codes.ok:
            raise PageProblem(f"{form.action or page.url} answered {answer.status_code}")
        return answer

    def log_in(self, username: str, password: str) -> None:
        page = self.open("accounts/login/")
        form = next((form for form in forms_of(page.text) if "password" in form.values), None)
        if form is None:
            raise PageProblem("the log-in page has no form")
        arrived = self.send(page, form, username=username, password=password)
        if "sessionid" not in self.session.cookies:
            raise PageProblem(f"logging in led to {arrived.url} and not into PICSWeb")

    def press_refresh(self, learner: str) -> str:
        """Press *Refresh with OneFile* on a learner's Delivery Plan and return the URL of the run's page."""
        page = self.open(f"learners/{learner}/delivery-plan/")
        form = next((form for form in forms_of(page.text) if form.action.endswith("/refresh/")), None)
        if form is None or form.method != "post":
            raise PageProblem("the Delivery Plan shows no Refresh button")
        arrived = self.send(page, form)
        if "/run/" not in arrived.url:
            raise PageProblem(f"Refresh led to {arrived.url} and not to a run")
        return arrived.url

    def ask_for_refresh(self, learner: str) -> dict[str, object]:
        """Request a refresh through the REST interface and return the run, read from the URL in the answer."""
        answer = self.session.post(
            urljoin(self.site, f"api/onefile/learners/{learner}/refresh/"),
            headers={"X-CSRFToken": self.session.cookies["csrftoken"], "Referer": self.site},
            timeout=30,
        )
        if answer.status_code != requests.codes.accepted:
            raise PageProblem(f"the REST interface answered {answer.status_code} to a refresh")
        run: dict[str, object] = self.open(answer.headers["Location"]).json()
        return run

    def watch(
        self,
        run_page: str,
        *,
        within: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> dict[str, object]:
        """Poll the run's progress until it is final; ``within`` is in seconds."""
        deadline = clock() + within
        while True:
            progress: dict[str, object] = self.open(urljoin(run_page, "progress/")).json()
            if progress["final"]:
                return progress
            if clock() >= deadline:
                raise PageProblem(f"the run was still {progress['state']} after {within:.0f} seconds")
            sleep(0.25)


class Assessor:
    """Changes records in the sandbox through its REST API, independently of our own client."""

    def __init__(self, onefile: str, customer_token: str) -> None:
        self.onefile = onefile
        self.session = requests.Session()
        self.session.trust_env = False
        answer = self.session.post(
            f"{onefile}/Authentication", headers={"X-CustomerToken": customer_token}, timeout=30
        )
        if answer.status_code != requests.codes.ok:
            raise PageProblem(f"the sandbox's Authentication answered {answer.status_code}")
        self.session.headers["X-TokenID"] = answer.text.strip().strip('"')

    def registration_number(self, aim_id: int) -> str:
        return str(self._aim("GET", aim_id).json().get("RegistrationNumber") or "")

    def enter_registration_number(self, aim_id: int, number: str) -> None:
        """Change the number, leaving the learning aim's other values unchanged."""
        before = self._aim("GET", aim_id).json()
        self._aim("POST", aim_id, {**before, "RegistrationNumber": number})

    def act_on_review(self, page: str, review_id: int, action: str) -> None:
        """Press a button beside a review on the sandbox's own page: "start", "sign-assessor", "sign-learner"."""
        answer = self.session.post(f"{page}review/{review_id}/{action}", timeout=30)
        if not answer.ok:
            raise PageProblem(f"the sandbox's review {review_id} answered {answer.status_code} to {action}")

    def _aim(self, method: str, aim_id: int, values: dict[str, object] | None = None) -> requests.Response:
        answer = self.session.request(method, f"{self.onefile}/LearningAim/{aim_id}", json=values, timeout=30)
        if not answer.ok:
            raise PageProblem(f"the sandbox's learning aim {aim_id} answered {answer.status_code}")
        return answer
