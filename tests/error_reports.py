"""Everything that an error report could show of an exception: Django's, and a traceback with local variables."""

from __future__ import annotations

import traceback

from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter


def everything_shown(error: BaseException, request: HttpRequest | None = None) -> str:
    request = request or RequestFactory().get("/")
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__, is_email=True)
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    return reporter.get_traceback_html() + reporter.get_traceback_text() + "".join(with_locals.format())
