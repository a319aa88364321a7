"""The clauses of scope hold expressions only: made once per role, for whoever asks, and for a policy as well."""

from typing import Any

import pytest
from sqlalchemy import DateTime, Select, Uuid, func, select
from sqlalchemy.dialects import postgresql

from models.access import RECEIVED
from models.records.people import keeps_out
from models.records.scope import CASE, ESCALATION, REPORT, readable, readable_escalation, readable_report, within
from models.records.terms import Terms, terms
from models.vocabulary import codes

_ROLES = sorted(codes("roles"))


def _statements(reader: Terms) -> list[Select[Any]]:
    sending = [
        select(CASE.c.id).where(within(reader, event), ~keeps_out(CASE.c.id, reader)) for event in sorted(RECEIVED)
    ]
    return [
        select(CASE.c.id).where(readable(reader)),
        select(REPORT.c.id).where(readable_report(reader)),
        select(ESCALATION.c.id)
        .join(CASE, CASE.c.id == ESCALATION.c.case_id)
        .where(readable_escalation(reader, readable(reader))),
        *sending,
    ]


@pytest.mark.parametrize("role", _ROLES)
def test_nothing_of_a_reader_is_in_a_clause_but_their_role(role: str):
    of_a_session = Terms(
        role,
        func.session_person(type_=Uuid()),
        func.session_unit(type_=Uuid()),
        func.session_now(type_=DateTime(timezone=True)),
    )
    for statement in _statements(of_a_session):
        compiled = statement.compile(dialect=postgresql.dialect())
        values = [value for value in compiled.params.values() if not isinstance(value, str | list)]
        assert not values
        assert "session_person()" in str(compiled)


@pytest.mark.parametrize("role", _ROLES)
def test_what_is_bound_is_named_and_stands_once(role: str):
    for statement in _statements(terms(role)):
        bound = set(statement.compile(dialect=postgresql.dialect()).params)
        assert "reader_person" in bound
        assert {name for name in bound if name.startswith("reader_")} <= {"reader_person", "reader_unit", "reader_at"}
