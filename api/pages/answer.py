"""Answering a referral by a one-time link: the phrase, then one page with the minimum needed, and what may be answered.

For offices with nobody in the system. No name is shown before the phrase; the child's own only once the agency agreed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from html import escape
from typing import Final, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from api.door import TheDoor
from api.identity import cookies
from api.language import Both
from api.pages.fields import Fields, Schema, faults
from api.pages.forms import field, for_nobody_known, form, go, in_words, notice, read_form, visit_of
from api.pages.html import language_of, page, row, table
from api.problems import Problem
from api.queries.rows import Found
from api.routes.sessions import Address
from api.services import answering, links, referrals
from api.shapes.cases import AllowedAction
from api.shapes.referrals import ReferralOut
from models.calendar import TZ
from models.forms.referral import REFERRAL_INPUTS, AnyReferralAct
from models.lifecycle.referral.services import POLICE
from models.records.answer_links import address as link_address
from models.vocabulary import Language, label

router = APIRouter()

COOKIE: Final = "__Host-annhi-answer"
"""The browser that opened a link, for half an hour."""

_WORDS: Final = {
    "answer": Both("Trả lời chuyển gửi", "Answer a referral"),
    "intro": Both(
        "Cơ quan bảo vệ trẻ em gửi đến đơn vị một đề nghị cung cấp dịch vụ. Nhập bốn từ xác nhận trên phiếu, hoặc được "
        "đọc qua điện thoại, để mở. Liên kết chỉ mở được một lần.",
        "A child-protection office asks your unit for a service. Type the four words on the sheet, or read to you over "
        "the phone, to open it. The link opens once.",
    ),
    "for": Both("Gửi đến", "For"),
    "from": Both("Cơ quan gửi", "Sent by"),
    "phrase": Both("Bốn từ xác nhận", "The four words"),
    "open": Both("Mở chuyển gửi", "Open the referral"),
    "until": Both("Phiên trả lời đến", "You can answer until"),
    "service": Both("Dịch vụ được đề nghị", "Service asked for"),
    "state": Both("Tình trạng", "State"),
    "age": Both("Độ tuổi", "Age"),
    "sex": Both("Giới tính", "Sex"),
    "commune": Both("Địa bàn", "Commune"),
    "urgency": Both("Mức khẩn", "Urgency"),
    "warnings": Both("Cảnh báo an toàn", "Safety warnings"),
    "due": Both("Hạn của đơn vị", "Your deadline"),
    "request": Both("Nội dung đề nghị", "What is asked for"),
    "name": Both("Họ và tên", "Name"),
    "birth_date": Both("Ngày sinh", "Date of birth"),
    "estimated_age": Both("Tuổi ước lượng", "Estimated age"),
    "later": Both(
        "Cần trả lời tiếp sau này (thí dụ báo kết quả)? Hãy gọi cho cơ quan đã gửi để được cấp liên kết mới.",
        "To answer again later, for instance to report the outcome, phone the sending office for a new link.",
    ),
    "nothing": Both("Hiện không có việc gì cần trả lời.", "There is nothing to answer now."),
    "leave": Both("Kết thúc", "Finish"),
    "left": Both("Đã kết thúc. Có thể đóng trang này.", "Finished. You can close this page."),
    "sheet": Both("Phiếu trả lời chuyển gửi", "Answer sheet of a referral"),
    "sheet_intro": Both(
        "Quét mã, hoặc nhập địa chỉ dưới đây vào trình duyệt, rồi nhập bốn từ xác nhận. Phiếu này không có thông tin "
        "của trẻ em. Không chuyển phiếu cho người không có nhiệm vụ.",
        "Scan the code or type the address into a browser, then type the four words. This sheet holds nothing about "
        "the child. Hand it to nobody who has no part in it.",
    ),
    "referral": Both("Mã chuyển gửi", "Referral"),
    "use_by": Both("Mở trước", "Open before"),
    "print": Both("In trang này bằng lệnh in của trình duyệt.", "Print this page with the browser's print command."),
}

UNSURE: Final = 500
"""Answers from here on do not say whether anything was recorded."""
_CHILD: Final = {"full_name": "name", "birth_date": "birth_date", "estimated_age": "estimated_age", "sex": "sex"}
_NOT_ASKED: Final = ("event", "occurred_at", "on_behalf_of", "note")
"""What a body may say that is not the agency's to say here."""


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))


@router.get("/answer", response_class=HTMLResponse)
@for_nobody_known
async def answer_page(request: Request, door: TheDoor, link: str = "") -> Response:
    """The question for the phrase, and for whom the link is. Opening this page uses nothing up."""
    return _phrase_page(await answering.waits(door, link), link, language_of(request))


@router.post("/answer", response_class=HTMLResponse)
@for_nobody_known
async def open_answer(request: Request, door: TheDoor, address: Address) -> Response:
    """Open the link; from here on it is this browser's alone."""
    lang = language_of(request)
    fields = await read_form(request)
    token = fields.get("link", "")
    try:
        session = await answering.open_link(request, door, token, fields.get("phrase", ""), address)
    except Problem as problem:
        if problem.code == "phrase-wrong":
            return _phrase_page(await answering.waits(door, token), token, lang, problem)
        raise
    opened = go("/answer/referral", lang)
    cookies.give(opened, COOKIE, session, seconds=cookies.LASTS)
    return opened


@router.get("/answer/referral", response_class=HTMLResponse)
@for_nobody_known
async def answer_referral_page(request: Request, door: TheDoor) -> Response:
    """The referral, as much of it as the agency may see, and what it may answer now."""
    return await _referral_page(request, door)


@router.post("/answer/referral", response_class=HTMLResponse)
@for_nobody_known
async def answer_referral(request: Request, door: TheDoor) -> Response:
    """One answer; where it is refused, the page again with what was typed."""
    lang = language_of(request)
    typed = await read_form(request)
    opened = await answering.enter(request, door, request.cookies.get(COOKIE))
    shape = REFERRAL_INPUTS.get(typed.get("event", ""))
    wrong: dict[str, str] = {}
    try:
        if shape is None:
            raise Problem("invalid-request")  # noqa: TRY301 - told as everything else that is wrong with a form
        asked = _fields(shape.model_json_schema(mode="validation"), typed["event"], lang)
        body = shape.model_validate({"event": typed["event"], **asked.said(typed)})
        await referrals.act(opened.visit, opened.referral_id, _key(typed), cast("AnyReferralAct", body))
    except ValidationError as error:
        wrong = faults(error, lang)
        return await _referral_page(request, door, Problem("invalid-request"), typed=_anew(typed), wrong=wrong)
    except Problem as problem:
        if field := str(problem.extra.get("about", {}).get("field", "")):
            wrong = {field: problem.spec.detail.text(lang)}
        # What may be on record already is sent again under its own key; what was refused is a new request.
        again = typed if problem.spec.status >= UNSURE else _anew(typed)
        return await _referral_page(request, door, problem, typed=again, wrong=wrong)
    return go("/answer/referral", lang)


def _anew(typed: Mapping[str, str]) -> dict[str, str]:
    return {**typed, "key": str(uuid4())}


@router.post("/answer/leave", response_class=HTMLResponse)
@for_nobody_known
async def leave(request: Request) -> Response:
    """Forget the browser."""
    await read_form(request)
    lang = language_of(request)
    left = page(_WORDS["answer"].text(lang), f"<p>{_word('left', lang)}</p>", "/answer/leave", lang)
    cookies.take_back(left, COOKIE)
    return left


@router.get("/referrals/{referral}/links/{link}", response_class=HTMLResponse)
@in_words
async def answer_sheet(request: Request, door: TheDoor, referral: UUID, link: UUID) -> Response:
    """The sheet to be printed for an agency without e-mail: QR code, address, phrase; nothing of the child."""
    lang = language_of(request)
    found, made, secret = await links.to_print(await visit_of(request, door), referral, link)
    where = link_address(door.settings.public_url, secret.token)
    code = segno.make(where, error="m", micro=False).svg_inline(scale=5, border=4)
    receiver = found.receiver_name_vi if lang == "vi" else found.receiver_name_en
    rows = "".join(
        row(escape(_WORDS[name].text(lang)), [("", escape(said))])
        for name, said in (
            ("for", receiver),
            ("from", _office(made, lang)),
            ("referral", found.code),
            ("service", label("referral_services", found.service, lang)),
            ("phrase", secret.phrase),
            ("use_by", _moment(made.expires_at)),
        )
    )
    body = (
        f"<p>{_word('sheet_intro', lang)}</p>{code}<p><code>{escape(where)}</code></p>"
        f"{table('', [], rows)}<p>{_word('print', lang)}</p>"
    )
    return page(_WORDS["sheet"].text(lang), body, str(request.url.path), lang)


def _phrase_page(found: Found, token: str, lang: Language, problem: Problem | None = None) -> Response:
    name = found.name_vi if lang == "vi" else found.name_en
    fields = f'<input type="hidden" name="link" value="{escape(token)}">' + field(
        "phrase", _WORDS["phrase"].text(lang), autocomplete="off", autocapitalize="none", maxlength="100"
    )
    body = (
        f"<p>{_word('intro', lang)}</p><p><strong>{_word('for', lang)}: {escape(name)}</strong><br>"
        f"{_word('from', lang)}: {escape(_office(found, lang))}</p>"
        + (notice(problem, lang) if problem else "")
        + form("/answer", lang, fields, _WORDS["open"].text(lang))
    )
    status = problem.spec.status if problem else 200
    return page(
        _WORDS["answer"].text(lang), body, "/answer", lang, forms=True, status=status, query=f"link={quote(token)}&"
    )


def _office(found: Found, lang: Language) -> str:
    return str(found.office_vi if lang == "vi" else found.office_en)


async def _referral_page(
    request: Request,
    door: TheDoor,
    problem: Problem | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    lang = language_of(request)
    opened = await answering.enter(request, door, request.cookies.get(COOKIE))
    shown = await referrals.read(opened.visit, opened.referral_id)
    offered = "".join(_offer(shown, action, lang, typed or {}, wrong or {}) for action in shown.allowed_actions or ())
    body = (
        (notice(problem, lang) if problem else "")
        + f"<p>{_word('until', lang)} {_moment(opened.visit.caller.expires_at)}</p>"
        + table("", [], _fact("from", _office(opened.link, lang), lang) + "".join(_facts(shown, lang)))
        + (offered or f"<p>{_word('nothing', lang)}</p>")
        + f"<p>{_word('later', lang)}</p>"
        + form("/answer/leave", lang, "", _WORDS["leave"].text(lang))
    )
    status = problem.spec.status if problem else 200
    title = f"{_WORDS['answer'].text(lang)} {shown.code}"
    return page(title, body, "/answer/referral", lang, forms=True, status=status)


def _facts(shown: ReferralOut, lang: Language) -> Iterable[str]:
    least, said = shown.minimum, partial(_fact, lang=lang)
    yield said("service", shown.label.vi if lang == "vi" else shown.label.en)
    yield said("state", shown.state_label.vi if lang == "vi" else shown.state_label.en)
    yield said("urgency", label("urgencies", least.urgency, lang))
    yield said("age", label("age_bands", least.age_band, lang))
    yield said("sex", label("sex", least.sex, lang) if least.sex else None)
    if least.commune is not None:
        yield said("commune", least.commune.name_vi if lang == "vi" else least.commune.name_en)
    yield said("warnings", "; ".join(label("safety_warnings", code, lang) for code in least.warnings))
    for clock in shown.deadlines or ():
        if clock.status == "open" and clock.owed_by == "agency":
            yield said("due", f"{clock.name.vi if lang == 'vi' else clock.name.en}: {_moment(clock.due_at)}")
    if shown.slice is not None:
        for name, value in shown.slice.child.items():
            if name != "sex" and value is not None:
                yield said(_CHILD[name], str(value))
        yield said("request", shown.slice.request)


def _fact(name: str, value: str | None, lang: Language) -> str:
    """A row of the page; none where nothing is known."""
    return row(escape(_WORDS[name].text(lang)), [("", escape(value))]) if value else ""


def _offer(
    shown: ReferralOut, action: AllowedAction, lang: Language, typed: Mapping[str, str], wrong: Mapping[str, str]
) -> str:
    """The form of one answer: open, with what was typed, where it was just refused."""
    name, mine = action.label.vi if lang == "vi" else action.label.en, typed.get("event") == action.event
    fields = _fields(
        action.input, action.event, lang, of=shown.service, typed=typed if mine else {}, wrong=wrong if mine else {}
    ).html()
    hidden = "".join(
        f'<input type="hidden" name="{each}" value="{escape(value)}">'
        for each, value in (("event", action.event), ("key", typed.get("key", "") if mine else str(uuid4())))
    )
    sent = form("/answer/referral", lang, hidden + fields, name)
    return f"<details{' open' if mine else ''}><summary>{escape(name)}</summary>{sent}</details>" if fields else sent


def _fields(
    schema: Schema,
    event: str,
    lang: Language,
    *,
    of: str = "",
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Fields:
    outcomes = "police_outcomes" if of == POLICE else "provider_outcomes"
    return Fields(
        schema, lang, event, leave_out=_NOT_ASKED, vocabularies=(outcomes,), typed=typed or {}, wrong=wrong or {}
    )


def _key(fields: dict[str, str]) -> UUID:
    try:
        return UUID(fields.get("key", ""))
    except ValueError:
        raise Problem("invalid-request") from None


def _moment(at: datetime) -> str:
    return at.astimezone(TZ).strftime("%H:%M %d/%m/%Y")
