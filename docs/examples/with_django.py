"""Judge records inside a Django project: put `path("check", check)` into its urls."""

import datetime as dt

from django.http import HttpRequest, JsonResponse
from django.urls import path

import caveat
from caveat.adapters import read_native
from caveat.render.json import report_json

rules = caveat.load()  # rules are frozen: one load serves every thread


def check(request: HttpRequest) -> JsonResponse:
    try:
        patient = read_native(request.body)
    except caveat.InputError as error:
        return JsonResponse({"error": str(error)}, status=422)
    return JsonResponse(report_json(caveat.screen(patient, rules, as_of=dt.date.today())))


urlpatterns = [path("check", check)]
