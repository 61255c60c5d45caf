"""The usual approach: learner by learner, as fast as possible, sleeping for a minute after a 429."""

from __future__ import annotations

import time
from typing import Any

import requests

from onefile_sync.sandbox.server import CUSTOMER_TOKEN

MINUTE = 60.0


class Peer:
    """Reads everything of one learner after the other. What follows costs the same in every approach."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        token = self.session.post(f"{url}/Authentication", headers={"X-CustomerToken": CUSTOMER_TOKEN}).text
        self.session.headers["X-TokenID"] = token

    def read(self, learner_id: int, centre_id: int) -> None:
        for aim in self.ask("POST", "/LearningAim/Search", {"UserID": learner_id}):
            self.ask("GET", f"/LearningAim/{aim['ID']}")
        found = self.ask("POST", "/Review/Search", {"LearnerID": learner_id, "OrganisationID": centre_id})
        for review in found:
            self.ask("GET", f"/Review/{review['ID']}")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        while True:
            answer = self.session.request(method, self.url + path, json=body, timeout=30)
            if answer.status_code != requests.codes.too_many_requests:
                answer.raise_for_status()
                return answer.json() if answer.content else []
            time.sleep(MINUTE)
