"""What the pages are made of: templates, form values, moments as people read them, and who may post a form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.template import Context, Engine
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Request, Response

from .entities import LONDON, Moment, on_london_date
from .wire import EARLIEST_YEAR

ROWS_ON_A_PAGE: Final = 50
LONGEST_TEXT: Final = 255
_OWN_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})

#: The message after a posted form, by the value of ``done`` in the URL.
DONE: Final = {
    "saved": "Saved.",
    "deleted": "The review was deleted.",
    "scheduled": "The review was scheduled.",
    "archived": "Saved. The user is archived.",
    "restored": "Saved. The user is active again.",
}


def posted_text(form: Mapping[str, str], name: str) -> str:
    """The text without spaces around it."""
    text = form.get(name, "").strip()
    if len(text) > LONGEST_TEXT:
        raise BadRequest(f"A text has at most {LONGEST_TEXT} characters.")
    return text


def posted_number(form: Mapping[str, str], name: str) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("A number is made of digits only.")
    return int(text)


def posted_numbers(form: MultiDict[str, str], name: str) -> tuple[int, ...]:
    """The numbers chosen in a list of choices."""
    numbers = (posted_number({name: text}, name) for text in form.getlist(name))
    return tuple(number for number in numbers if number is not None)


def posted_date(form: Mapping[str, str], name: str) -> date | None:
    text = form.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("That is not a date.") from None
    if day is not None and day.year < EARLIEST_YEAR:
        raise BadRequest(f"OneFile keeps no date before {EARLIEST_YEAR}.")
    return day


def posted_time(form: Mapping[str, str], name: str) -> time | None:
    text = form.get(name, "").strip()
    try:
        return time.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("That is not a time of day.") from None


def on_date(moment: Moment | None) -> date | None:
    return on_london_date(moment) if isinstance(moment, date) else None


def shown_moment(moment: Moment | None) -> str:
    """Date and time in London. The time is left out for a date, and for midnight."""
    if not isinstance(moment, datetime):
        return f"{moment:%d/%m/%Y}" if isinstance(moment, date) else ""
    local = moment.astimezone(LONDON)
    return f"{local:%d/%m/%Y}" if local.time() == time() else f"{local:%d/%m/%Y %H:%M}"


def refuse_strangers(request: Request) -> None:
    """Raise ``Forbidden`` for a POST from another site, and for a host name that is not ours (DNS rebinding)."""
    if request.host.rpartition(":")[0] not in _OWN_HOSTS:
        raise Forbidden("This page is only served under its own address.")
    source = request.headers.get("Origin") or request.headers.get("Referer")
    if request.method == "POST" and source is not None and urlsplit(source).netloc != request.host:
        raise Forbidden("Another site sent this form.")


@cache
def _templates() -> Engine:
    return Engine(dirs=[str(Path(__file__).parent / "templates")], autoescape=True)


def html(template: str, values: Mapping[str, object], status: int = 200) -> Response:
    # Localisation would turn an ID into "1,250,001" in a URL.
    text = _templates().get_template(template).render(Context(dict(values), use_l10n=False))
    return Response(
        text,
        status,
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
            "Cache-Control": "no-store",
        },
    )
