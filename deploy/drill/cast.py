"""The cast: people of the drill acting through the API, each signed in as themselves, over real HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx

from deploy.drill.clock import DrillFailureError
from deploy.drill.format import (
    HERE,
    Act,
    Answer,
    Call,
    ChangeUnits,
    Consent,
    GoAbsent,
    MakeReport,
    Refer,
    WantReading,
)
from deploy.drill.refs import filled
from deploy.drill.world import ADMINISTRATOR, World

HTTP_CREATED, HTTP_ERROR, HTTP_UNAUTHORIZED, HTTP_FORBIDDEN = 201, 400, 401, 403
HTTP_UNDECLARED, HTTP_FAILURE = 428, 500


class Refusal(Exception):  # noqa: N818 - it is what the service said, not a fault
    """The API answered otherwise than the drill expects."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}, seen {seen}")
        self.expected, self.seen = expected, seen


class Cast:
    """Everybody in the drill.

    Args:
        http: a client of the API's base address.
        world: ids of people and positions.
        cases: names of cases to their ids; reports add to it.
        referrals: names of referrals to their ids; asking for a service adds to it.
        password: the one all of them sign in with.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        world: World,
        cases: dict[str, UUID],
        referrals: dict[str, UUID],
        password: str,
    ) -> None:
        self._http = http
        self._world = world
        self._cases = cases
        self._referrals = referrals
        self._password = password
        self._reports: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._requests = 0

    async def report(self, report: MakeReport) -> str:
        """Take a report down. Returns what was done, in words.

        Raises:
            Refusal: refused, or not refused, against expectation; or another number of cases than named.
        """
        answer = await self._ask(report.by, "POST", "/reports", await self._fill(report.by, report.form))
        if said := self._refused(answer, report.refused, f"{report.by} reports"):
            return said
        opened = answer.json()["cases"]
        if len(opened) != len(report.opens):
            raise Refusal(f"{len(report.opens)} cases: {', '.join(report.opens)}", f"{len(opened)} cases")
        for nick, case in zip(report.opens, opened, strict=True):
            self._cases[nick] = UUID(case["id"])
            self._reports[nick] = answer.json()["id"]
        codes = ", ".join(f"{nick} = {case['code']}" for nick, case in zip(report.opens, opened, strict=True))
        return f"{report.by} báo tin · reports → {codes}"

    async def act(self, act: Act) -> str:
        """Do something on a case. Returns what was done, in words.

        Raises:
            Refusal: refused, or not refused, against expectation.
        """
        body = await self._fill(act.by, act.form)
        behalf = ""
        if act.occurred_at is not None:
            body["occurred_at"] = act.occurred_at.isoformat()
        if act.on_behalf_of is not None:
            person = self._world.people[act.on_behalf_of.who]
            body["on_behalf_of"] = {"person_id": str(person), "means": act.on_behalf_of.means}
            behalf = f" (thay · for {act.on_behalf_of.who}, {act.on_behalf_of.means})"
        if act.referral is not None:
            path, body = f"/referrals/{self._referrals[act.referral]}/actions", {"event": act.event, **body}
        else:
            path = f"/cases/{self._cases[act.case or '']}/actions/{act.event}"
        answer = await self._ask(act.by, "POST", path, body)
        said = f"{act.by} {act.event}{f' [{act.referral}]' if act.referral else ''}{behalf}"
        return self._refused(answer, act.refused, said) or said

    async def refer(self, refer: Refer) -> str:
        """Ask for a service. Returns what was done, in words.

        Raises:
            Refusal: refused, or not refused, against expectation.
        """
        wanted = {"service": refer.service, **await self._fill(refer.by, refer.form)}
        if refer.unit is not None:
            wanted["receiver"] = refer.unit
        path = f"/cases/{self._cases[refer.case]}/referrals"
        answer = await self._ask(refer.by, "POST", path, {"referrals": [wanted]})
        said = f"{refer.by} chuyển gửi · refers {refer.service} → {refer.unit or 'bản soạn · draft'}"
        if answer.status_code >= HTTP_ERROR:
            return self._refused(answer, refer.refused, said) or said
        (result,) = answer.json()
        problem = result["problem"] and result["problem"]["code"]
        if result["referral"] is not None:
            self._referrals[refer.opens] = UUID(result["referral"]["id"])
        if problem != refer.refused:
            raise Refusal(f"{said}, refused with {refer.refused}" if refer.refused else said, problem or "it was done")
        return f"{said}: bị từ chối · refused: {problem}" if problem else said

    async def consent(self, consent: Consent) -> str:
        """Put consent on record. Returns what was done, in words.

        Raises:
            Refusal: refused, or not refused, against expectation.
        """
        body, path = await self._fill(consent.by, consent.form), f"/cases/{self._cases[consent.case]}/consents"
        said = f"{consent.by} ghi đồng ý · records consent: {body.get('scope')} {body.get('answer')}"
        if consent.withdraw is not None:
            said = f"{consent.by} ghi rút lại đồng ý · records that consent was taken back: {consent.withdraw}"
            standing = (await self._ask(consent.by, "GET", path)).json()
            of_it = [one for one in standing if one["scope"] == consent.withdraw and one["withdrawn_at"] is None]
            if not of_it:
                raise Refusal(said, "no such consent stands")
            path += f"/{of_it[-1]['id']}/withdraw"
        return self._refused(await self._ask(consent.by, "POST", path, body), consent.refused, said) or said

    async def go_absent(self, absence: GoAbsent, since: datetime) -> str:
        """Have the administrator enter an absence.

        Raises:
            Refusal: the API refused it.
        """
        person = self._world.people[absence.who]
        body = {"starts_at": since.isoformat(), "ends_at": absence.until.isoformat(), "reason": absence.reason}
        answer = await self._ask(ADMINISTRATOR, "POST", "/absences", {"person_id": str(person), **body})
        self._refused(answer, None, f"the absence of {absence.who} is entered")
        return f"{absence.who} vắng mặt đến · is away until {absence.until.astimezone(HERE):%d/%m/%Y %H:%M}"

    async def change_units(self, change: ChangeUnits) -> str:
        """Have the administrator merge, split or rename units. Returns what moved, in words.

        Raises:
            Refusal: refused, or not refused, against expectation.
        """
        answer = await self._ask(ADMINISTRATOR, "POST", "/unit-changes", {**change.form, "dry_run": False})
        said = f"{change.form.get('kind')}: {change.form.get('decision')}"
        return self._refused(answer, change.refused, said) or f"{said} · {answer.json()['moved']}"

    async def answer(self, answer: Answer) -> str:
        """Answer an escalation: take note of it, or say what was done.

        Raises:
            Refusal: no such escalation for this person, or the API refused.
        """
        found = await self._listed(answer.by, "/escalations", answer.case)
        one = next((e for e in found if e["deadline"] == answer.deadline and e["level"] == answer.level), None)
        said = f"{answer.by} {'resolves' if answer.done else 'acknowledges'} {answer.level} of {answer.deadline}"
        if one is None:
            raise Refusal(
                said, f"their escalations: {', '.join(e['deadline'] + ' ' + e['level'] for e in found) or 'none'}"
            )
        path = f"/escalations/{one['id']}/{'resolve' if answer.done else 'acknowledge'}"
        got = await self._ask(answer.by, "POST", path, {"resolution": answer.done} if answer.done else {})
        return self._refused(got, answer.refused, said) or said

    async def call(self, call: Call) -> str:
        """Record a phone call from the call list.

        Raises:
            Refusal: no such call for this person, or the API refused.
        """
        person = str(self._world.people[call.who])
        found = await self._listed(call.by, "/calls", call.case)
        one = next((task for task in found if task["person"]["id"] == person), None)
        said = f"{call.by} phones {call.who}: {call.outcome}"
        if one is None:
            raise Refusal(said, f"the call list holds {len(found)} calls of this case, none of them to {call.who}")
        got = await self._ask(call.by, "POST", f"/calls/{one['id']}/record", {"outcome": call.outcome})
        return self._refused(got, call.refused, said) or said

    async def read(self, want: WantReading, case: str) -> tuple[int, str]:
        """What a person gets when asking for a case or a part of it: status and text.

        Of documents: the list, and the content of each as far as it is shown to this person.
        """
        base = f"/cases/{self._cases[case]}"
        if want.referral is not None:
            path = f"/referrals/{self._referrals[want.referral]}"
        elif want.what == "inbox":
            path = "/referrals"
        elif want.what == "report":
            path = f"/reports/{self._reports[case]}"
        else:
            path = base if want.what == "case" else f"{base}/{want.what}"
        answer = await self._ask(want.who, "GET", path)
        text = answer.text
        if want.what == "documents" and answer.is_success:
            for document in answer.json()["items"]:
                text += (await self._ask(want.who, "GET", f"{base}/documents/{document['id']}")).text
        return answer.status_code, text

    async def allowed(self, who: str, case: str) -> set[str]:
        """The events the API offers a person on a case now."""
        answer = await self._ask(who, "GET", f"/cases/{self._cases[case]}")
        if answer.status_code >= HTTP_ERROR:
            return set()
        return {action["event"] for action in answer.json()["allowed_actions"]}

    async def _listed(self, who: str, path: str, case: str) -> list[dict[str, Any]]:
        answer = await self._ask(who, "GET", path)
        self._refused(answer, None, f"{who} reads {path}")
        return [one for one in answer.json()["items"] if one["case_id"] == str(self._cases[case])]

    async def _fill(self, who: str, form: Mapping[str, Any]) -> dict[str, Any]:
        hashes = {case: await self._plan_hash(who, case) for case in self._cases if f"${{plan:{case}}}" in str(form)}
        deadlines = {
            case: await self._deadlines(who, case) for case in self._cases if f"${{deadline:{case}/" in str(form)
        }

        def resolve(kind: str, name: str) -> str:
            if kind == "person":
                return str(self._world.people[name])
            if kind == "case":
                return str(self._cases[name])
            if kind == "plan":
                return hashes[name]
            case, code = name.split("/", 1)
            return deadlines[case][code]

        return dict(filled(dict(form), resolve))

    async def _plan_hash(self, who: str, case: str) -> str:
        answer = await self._ask(who, "GET", f"/cases/{self._cases[case]}/documents?kind=M04")
        self._refused(answer, None, f"{who} reads the plan of {case}")
        plans: list[dict[str, Any]] = answer.json()["items"]
        return str(max(plans, key=lambda plan: plan["version"] or 0)["content_hash"])

    async def _deadlines(self, who: str, case: str) -> dict[str, str]:
        answer = await self._ask(who, "GET", f"/cases/{self._cases[case]}/deadlines")
        self._refused(answer, None, f"{who} reads the deadlines of {case}")
        found = sorted(answer.json(), key=lambda one: int(one["occurrence"]))
        return {one["code"]: one["id"] for one in found}

    def _refused(self, answer: httpx.Response, expected: str | None, what: str) -> str | None:
        """What was done where a refusal was expected and came; None where neither; else the difference is raised."""
        if answer.status_code >= HTTP_FAILURE:
            raise DrillFailureError(f"the API answered {answer.status_code} when {what}: {answer.text[:400]}")
        code = _code(answer) if answer.status_code >= HTTP_ERROR else None
        if code == expected:
            return None if code is None else f"{what}: bị từ chối · refused: {code}"
        wanted = f"{what} is refused with {expected}" if expected else f"{what} is done"
        raise Refusal(
            wanted, f"{answer.status_code} {_problem(answer)}" if code else f"{answer.status_code}: it was done"
        )

    async def _ask(self, who: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """One request as somebody. Whoever opens a case for the first time declares: nobody in a cast is related."""
        answer = await self._asked(who, method, path, body)
        while answer.status_code == HTTP_UNDECLARED:
            declaration = str(answer.json()["about"]["post"]).removeprefix("/api/v1")
            declared = await self._asked(who, "POST", declaration, {"answer": "none"})
            self._refused(declared, None, f"{who} declares for a case")
            answer = await self._asked(who, method, path, body)
        return answer

    async def _asked(self, who: str, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        """One request, signed in anew where the session has ended meanwhile."""
        self._requests += 1
        headers = {"Accept-Language": "vi"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid5(NAMESPACE_URL, f"drill/{self._requests}"))
        for _ in range(2):
            if who not in self._tokens:
                await self._sign_in(who)
            headers["Authorization"] = f"Bearer {self._tokens[who]}"
            answer = await self._http.request(method, path, json=body, headers=headers)
            if answer.status_code != HTTP_UNAUTHORIZED:
                return answer
            del self._tokens[who]
        return answer

    async def _sign_in(self, who: str) -> None:
        said = {"username": who, "password": self._password}
        position = str(self._world.positions[who])
        answer = await self._http.post("/sessions", json={**said, "position_id": position})
        if answer.status_code == HTTP_FORBIDDEN and answer.json()["code"] == "no-position":
            # It ended with its unit; what they hold now is where they went over to.
            answer = await self._http.post("/sessions", json=said)
        if answer.status_code != HTTP_CREATED:
            raise DrillFailureError(f"{who} cannot sign in: {answer.status_code} {answer.text[:400]}")
        self._tokens[who] = answer.json()["token"]


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code", answer.status_code))
    except ValueError:
        return str(answer.status_code)


def _problem(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return answer.text[:400]
    more = {key: said[key] for key in ("errors", "detail", "allowed") if key in said}
    return f"{said.get('code')} {more}"
