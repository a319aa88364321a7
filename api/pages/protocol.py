"""The protocol in force as a table officers can read: every limit and every rung in words."""

from collections.abc import Callable
from datetime import date
from functools import partial
from html import escape
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.door import TheDoor
from api.language import Both
from api.pages.html import Lang, bullets, event_label, page, row, table
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS
from models.protocol.describe import describe
from models.protocol.rules import UNVERIFIED
from models.protocol.words import amount_words, condition_words, place_words, when_words
from models.vocabulary import Language, label, vocabulary

router = APIRouter()

Named = Callable[[str], str]
"""The name of an event in the page's language, of a case's clocks or of a referral's."""

_WORDS: Final = {
    "deadline": Both("Thời hạn", "Deadline"),
    "starts": Both("Tính từ", "Starts at"),
    "limit": Both("Giới hạn", "Limit"),
    "met": Both("Hoàn thành khi", "Met by"),
    "ladder": Both("Báo lên cấp trên", "Ladder"),
    "basis": Both("Căn cứ", "Basis"),
    "otherwise": Both("trường hợp khác", "otherwise"),
    "own_date": Both("đến ngày ghi trong kế hoạch", "the plan's own date"),
    "any_event": Both("lệnh được ra bằng lời", "an order given by word of mouth"),
    "breach": Both("ghi nhận vi phạm thời hạn", "a breach is recorded"),
    "version": Both("Phiên bản", "Version"),
    "since": Both("áp dụng từ ngày", "in force since"),
    "data": Both("Bản cho máy", "For machines"),
    "levels": Both("Các bậc báo cáo", "Levels"),
    "links": Both(
        "Liên kết trả lời một lần: chờ mở trong {lasts}; mở rồi thì trả lời trong {session}; khóa sau {tries} lần sai.",
        "One-time answer links: open within {lasts}, answer within {session}, locked after {tries} wrong tries.",
    ),
    "public_door": Both("Tin báo gửi qua trang báo tin", "Reports by anybody"),
    "set_aside": Both(
        "Tin có dấu hiệu là tin rác hoặc được gửi đến dồn dập được để riêng cho tổng đài xem; nếu sau {waits} chưa ai "
        "xem thì tự động được tiếp nhận. Dấu hiệu: trùng nguyên văn một tin trong {same_words_within}; quá "
        "{address_most} tin từ một địa chỉ mạng trong {address_within}; quá {pace_most} tin từ mọi nơi trong "
        "{pace_within}; có liên kết mà chưa đủ {few_words} từ; không có chữ nào. Tin báo trẻ đang gặp nguy hiểm chỉ "
        "được để riêng khi trùng nguyên văn một tin như thế đã tiếp nhận, và chỉ trong {waits_in_danger}.",
        "What looks like spam or comes in a flood is set aside for the hotline to look at, and after {waits} goes in "
        "by itself: word for word as another one within {same_words_within}; more than {address_most} from one address "
        "within {address_within}; more than {pace_most} altogether within {pace_within}; a link and fewer than "
        "{few_words} words; not a letter. One that says the child is in danger is set aside only where the very same "
        "was taken in, and for {waits_in_danger}.",
    ),
    "referrals": Both("Chuyển gửi, kết nối dịch vụ", "Referrals to services"),
    "windows": Both(
        "Khoảng thời gian còn tác dụng, tính từ khi xảy ra sự việc", "Windows within which care helps, from the event"
    ),
    "marks": Both(
        "★ quy định của pháp luật · ◇ quy định của địa phương hoặc suy ra · ○ mặc định của hệ thống, "
        "không phải quy định của pháp luật",
        "★ statutory · ◇ local or derived · ○ a default of this service, no rule of law",
    ),
}
_COLUMNS: Final = ("starts", "limit", "met", "ladder", "basis")


@router.get("/protocol", response_class=HTMLResponse)
async def protocol_page(door: TheDoor, lang: Lang) -> HTMLResponse:
    """The protocol in force as a table."""
    shown = describe(door.reference.protocol_at(door.clock.now()))
    since = date.fromisoformat(shown["valid_from"]).strftime("%d/%m/%Y")
    data = f"/api/v1/reference/protocols/{shown['version']}"
    levels = bullets(
        f"<strong>{escape(term.code)}</strong> {escape(term.vi if lang == 'vi' else term.en)}"
        for term in vocabulary("escalation_levels")
    )
    intro = (
        f"<p>{_word('version', lang)} {escape(shown['version'])}, {_word('since', lang)} {since}. "
        f'{_word("data", lang)}: <a href="{escape(data)}">JSON</a>.</p>'
        f"<p>{_word('marks', lang)}</p><h2>{_word('levels', lang)}</h2>{levels}"
    )
    head = [_WORDS[name].text(lang) for name in ("deadline", *_COLUMNS)]
    named = partial(event_label, lang=lang)
    rows = "".join(_row(each, lang, named) for each in shown["rows"])
    body = intro + table("", head, rows, "ladder") + _public_door(shown["public_door"], lang)
    body += _referrals(shown["referrals"], head, lang)
    return page(shown["name"][lang], body, "/protocol", lang)


def _public_door(said: dict[str, Any] | None, lang: Language) -> str:
    """What is set aside of the reports by anybody, and for how long."""
    if said is None:
        return ""
    shown = {name: value if isinstance(value, int) else amount_words(value, lang) for name, value in said.items()}
    words = _WORDS["set_aside"].text(lang).format(**shown)
    return f"<h2>{_word('public_door', lang)}</h2><p>{escape(words)}</p>"


def _referrals(said: dict[str, Any] | None, head: list[str], lang: Language) -> str:
    """One table for each service a child may be referred to."""
    if said is None:
        return ""
    named = partial(event_label, lang=lang, of_referral=True)
    links = said["links"]
    lasts, session = (amount_words(links[name], lang) for name in ("lasts", "session"))
    of_links = _WORDS["links"].text(lang).format(lasts=lasts, session=session, tries=links["tries"])
    parts = [f"<h2>{_word('referrals', lang)}</h2><p>{escape(of_links)}</p>"]
    for service in said["services"]:
        name = label("referral_services", service["code"], lang)
        if windows := ", ".join(amount_words(text, lang) for text in service["windows"]):
            name += f" · {_WORDS['windows'].text(lang)}: {windows}"
        parts.append(table(name, head, "".join(_row(each, lang, named) for each in service["rows"]), "ladder"))
    return "".join(parts)


def _row(each: dict[str, Any], lang: Language, named: Named) -> str:
    note = each["note"][lang]
    name = f"{each['mark']} {escape(each['name'][lang])}"
    cells = {
        "starts": bullets(
            _word("any_event", lang) if start["event"] == "*" else named(start["event"]) for start in each["starts"]
        ),
        "limit": bullets(_limit(each, limit, lang, named) for limit in each["limits"]),
        "met": bullets(named(met["event"]) for met in each["met_by"]),
        "ladder": "".join(_ladder(limit, lang, named, alone=len(each["limits"]) == 1) for limit in each["limits"]),
        "basis": _basis(each, lang),
    }
    described = [(_WORDS[name].text(lang), cells[name]) for name in _COLUMNS]
    return row(name + (f'<span class="note">{escape(note)}</span>' if note else ""), described)


def _limit(each: dict[str, Any], limit: dict[str, Any], lang: Language, named: Named) -> str:
    if each["series"]:
        amount = ", ".join(amount_words(text, lang) for text in each["series"])
    else:
        amount = amount_words(limit["amount"], lang) if limit["amount"] else _WORDS["own_date"].text(lang)
    when = when_words(limit["when"], lang, named)
    return f"{limit['mark']} {escape(amount)}" + (f" ({escape(when)})" if when else "")


def _ladder(limit: dict[str, Any], lang: Language, named: Named, *, alone: bool) -> str:
    if not limit["ladder"]:
        return ""
    rungs = bullets(_rung(rung, lang, named) for rung in limit["ladder"])
    return (
        rungs
        if alone
        else f"{escape(when_words(limit['when'], lang, named) or _WORDS['otherwise'].text(lang))}:{rungs}"
    )


def _rung(rung: dict[str, Any], lang: Language, named: Named) -> str:
    words = place_words(rung["at"], lang)
    if rung["condition"]:
        words += f", {condition_words(rung['condition'], lang)}"
    if rung["breach"]:
        words += f" ({_WORDS['breach'].text(lang)})"
    if rung["then"] in REFERRAL_EVENTS:
        return f"<strong>{escape(rung['level'])}</strong> {escape(words)}: {named(rung['then'])}"
    return f"<strong>{escape(rung['level'])}</strong> {escape(words)}"


def _basis(each: dict[str, Any], lang: Language) -> str:
    basis = each["legal_basis"]
    standing = escape(each["standing"][lang])
    if basis is None:
        return standing
    if basis["verified"]:
        return f"{escape(basis['text'])}<br>{standing}"
    # The words stand in Vietnamese in both languages: it is the mark officers know.
    return f'{escape(basis["text"])}<br><strong class="unverified">{UNVERIFIED}</strong>'


def _word(name: str, lang: Language) -> str:
    return escape(_WORDS[name].text(lang))
