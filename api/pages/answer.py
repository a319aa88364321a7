"""Answering a referral by a one-time link: the phrase, then one page with the minimum needed, and what may be answered.

For offices with nobody in the system. No name is shown before the phrase; the child's own only once the agency agreed.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid4

import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import TypeAdapter, ValidationError

from api.door import TheDoor
from api.identity import cookies
from api.language import Both
from api.pages.forms import field, form, go, in_words, notice, read_form, visit_of
from api.pages.html import language_of, page, row, table
from api.problems import Problem
from api.routes.sessions import Address
from api.services import answering, links, referrals
from api.shapes.referrals import ReferralOut
from models.calendar import TZ
from models.forms.referral import AnyReferralAct
from models.lifecycle.referral.rules import OUTCOMES, POLICE_OUTCOMES
from models.records.answer_links import address as link_address
from models.vocabulary import Language, codes, label

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

_CHILD: Final = {"full_name": "name", "birth_date": "birth_date", "estimated_age": "estimated_age", "sex": "sex"}

_FIELDS: Final[dict[str, tuple[tuple[str, str, Both], ...]]] = {
    "decline": (("decline_reason", "decline_reasons", Both("Lý do từ chối", "Why not")),),
    "request_info": (("question", "words", Both("Câu hỏi", "Question")),),
    "schedule": (
        ("when", "instant", Both("Thời gian hẹn", "When")),
        ("where", "line", Both("Nơi hẹn", "Where")),
    ),
    "miss_appointment": (("reason", "words", Both("Lý do", "Reason")),),
    "wait_for_order": (("order_awaited", "orders_awaited", Both("Văn bản đang chờ", "The order awaited")),),
    "receive_order": (("decision", "decision", Both("Quyết định", "Decision")),),
    "deliver": (
        ("outcome", "outcome", Both("Kết quả", "Outcome")),
        ("report", "words", Both("Nội dung kết quả", "What was done")),
        ("decision", "decision?", Both("Quyết định (nếu có)", "Decision (if there is one)")),
    ),
    "extend_decision": (
        ("until", "day", Both("Gia hạn đến ngày", "Until")),
        ("decision", "decision", Both("Quyết định", "Decision")),
    ),
    "record_note": (("progress", "words", Both("Tiến độ", "Progress")),),
    "refuse_by_child": (("reason", "words", Both("Lý do", "Reason")),),
}
"""What an answer asks for beside itself: name, kind of field, its label. Kinds that are no kind are a vocabulary."""

_DECISION: Final = (
    ("number", "text", Both("Số quyết định", "Number")),
    ("signed_on", "date", Both("Ngày ký", "Signed on")),
    ("signer", "text", Both("Người ký", "Signer")),
)
_ACT: Final = TypeAdapter[AnyReferralAct](AnyReferralAct)


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))


@router.get("/answer", response_class=HTMLResponse)
@in_words
async def answer_page(request: Request, door: TheDoor, link: str = "") -> Response:
    """The question for the phrase, and for whom the link is. Opening this page uses nothing up."""
    return _phrase_page(await answering.waits(door, link), link, language_of(request))


@router.post("/answer", response_class=HTMLResponse)
@in_words
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
@in_words
async def answer_referral_page(request: Request, door: TheDoor) -> Response:
    """The referral, as much of it as the agency may see, and what it may answer now."""
    return await _referral_page(request, door)


@router.post("/answer/referral", response_class=HTMLResponse)
@in_words
async def answer_referral(request: Request, door: TheDoor) -> Response:
    """One answer."""
    fields = await read_form(request)
    opened = await answering.enter(request, door, request.cookies.get(COOKIE))
    try:
        await referrals.act(opened.visit, opened.referral_id, _key(fields), _act(fields))
    except Problem as problem:
        return await _referral_page(request, door, problem)
    return go("/answer/referral", language_of(request))


@router.post("/answer/leave", response_class=HTMLResponse)
@in_words
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


def _phrase_page(found: object, token: str, lang: Language, problem: Problem | None = None) -> Response:
    name = getattr(found, "name_vi" if lang == "vi" else "name_en")
    fields = f'<input type="hidden" name="link" value="{escape(token)}">' + field(
        "phrase", _WORDS["phrase"].text(lang), autocomplete="off", autocapitalize="none", maxlength="100"
    )
    body = (
        f"<p>{_word('intro', lang)}</p><p><strong>{_word('for', lang)}: {escape(name)}</strong></p>"
        + (notice(problem, lang) if problem else "")
        + form("/answer", lang, fields, _WORDS["open"].text(lang))
    )
    status = problem.spec.status if problem else 200
    return page(
        _WORDS["answer"].text(lang), body, "/answer", lang, forms=True, status=status, query=f"link={quote(token)}&"
    )


async def _referral_page(request: Request, door: TheDoor, problem: Problem | None = None) -> Response:
    lang = language_of(request)
    opened = await answering.enter(request, door, request.cookies.get(COOKIE))
    shown = await referrals.read(opened.visit, opened.referral_id)
    offered = "".join(_offer(shown, event.event, event.label.vi if lang == "vi" else event.label.en, lang)
                      for event in shown.allowed_actions or ())  # fmt: skip
    body = (
        (notice(problem, lang) if problem else "")
        + f"<p>{_word('until', lang)} {_moment(opened.visit.caller.expires_at)}</p>"
        + table("", [], "".join(_facts(shown, lang)))
        + (offered or f"<p>{_word('nothing', lang)}</p>")
        + f"<p>{_word('later', lang)}</p>"
        + form("/answer/leave", lang, "", _WORDS["leave"].text(lang))
    )
    status = problem.spec.status if problem else 200
    return page(
        f"{_WORDS['answer'].text(lang)} {shown.code}", body, "/answer/referral", lang, forms=True, status=status
    )


def _facts(shown: ReferralOut, lang: Language) -> Iterable[str]:
    least = shown.minimum

    def said(name: str, value: str | None) -> str:
        return row(escape(_WORDS[name].text(lang)), [("", escape(value))]) if value else ""

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


def _offer(shown: ReferralOut, event: str, name: str, lang: Language) -> str:
    """The form of one answer."""
    fields = "".join(_field(shown, event, *one, lang=lang) for one in _FIELDS.get(event, ()))
    hidden = f'<input type="hidden" name="event" value="{event}"><input type="hidden" name="key" value="{uuid4()}">'
    sent = form("/answer/referral", lang, hidden + fields, name)
    return f"<details><summary>{escape(name)}</summary>{sent}</details>" if fields else sent


def _field(shown: ReferralOut, event: str, name: str, kind: str, words: Both, *, lang: Language) -> str:
    ident, text = f"{event}-{name}", words.text(lang)
    head = f'<label for="{ident}">{escape(text)}</label>'
    if kind == "words":
        return f'{head}<textarea id="{ident}" name="{name}" rows="4" cols="40" maxlength="4000"></textarea>'
    if kind == "line":
        return f'{head}<input id="{ident}" name="{name}" required maxlength="200">'
    if kind in ("instant", "day"):
        of_kind = "datetime-local" if kind == "instant" else "date"
        return f'{head}<input id="{ident}" name="{name}" type="{of_kind}" required>'
    if kind.startswith("decision"):
        required = "" if kind.endswith("?") else " required"
        return "".join(
            f'<label for="{ident}-{part}">{escape(text)}: {escape(said.text(lang))}</label>'
            f'<input id="{ident}-{part}" name="{name}.{part}" type="{of_kind}"{required} maxlength="200">'
            for part, of_kind, said in _DECISION
        )
    if kind == "outcome":
        police = shown.service == "police_report"
        kind = "police_outcomes" if police else "provider_outcomes"
        offered = [code for code in codes(kind) if code in (POLICE_OUTCOMES if police else OUTCOMES)]
    else:
        offered = list(codes(kind))
    options = "".join(f'<option value="{code}">{escape(label(kind, code, lang))}</option>' for code in offered)
    return f'{head}<select id="{ident}" name="{name}">{options}</select>'


def _act(fields: dict[str, str]) -> AnyReferralAct:
    """A form as the API's body of the same act.

    Raises:
        Problem: ``invalid-request``.
    """
    body: dict[str, object] = {}
    decision: dict[str, str] = {}
    for name, value in fields.items():
        if name == "key" or not value.strip():
            continue
        if name.startswith("decision."):
            decision[name.removeprefix("decision.")] = value
        elif name == "when":
            body[name] = _local(value)
        else:
            body[name] = value
    if decision:
        body["decision"] = decision
    try:
        return _ACT.validate_python(body)
    except ValidationError:
        raise Problem("invalid-request") from None


def _local(value: str) -> str:
    """What a browser says of a local time, as an instant."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=TZ).isoformat()
    except ValueError:
        raise Problem("invalid-request") from None


def _key(fields: dict[str, str]) -> UUID:
    try:
        return UUID(fields.get("key", ""))
    except ValueError:
        raise Problem("invalid-request") from None


def _moment(at: datetime) -> str:
    return at.astimezone(TZ).strftime("%H:%M %d/%m/%Y")
