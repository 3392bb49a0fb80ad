"""Judge records inside a FastAPI application: `uvicorn with_fastapi:app`."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException

import caveat
from caveat.adapters import read_native
from caveat.render.json import report_json

app, rules = FastAPI(), caveat.load()  # rules are frozen: one load serves every thread


@app.post("/check")
def check(record: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    try:
        patient = read_native(record)
    except caveat.InputError as error:
        raise HTTPException(422, str(error)) from None
    return dict(report_json(caveat.screen(patient, rules, as_of=dt.date.today())))
