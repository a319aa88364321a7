"""Every way the door says no: one table of codes, each with its status and its sentences.

Codes are stable and never reused; refusals of the lifecycle keep the codes and sentences of
``models.lifecycle.refusals``. An answer carries codes, field paths and officers' names at most: never what was typed,
never anything about a child.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from api.language import Both
from models.lifecycle.refusals import REFUSALS
from models.vocabulary import Language

MEDIA_TYPE: Final = "application/problem+json"


class Spec(NamedTuple):
    """One kind of problem: HTTP status, its name, what happened, what to do next."""

    status: int
    title: Both
    detail: Both
    next: Both


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """A request that is answered with a problem.

    Args:
        code: of ``PROBLEMS``.
        errors: where a request is not as it should be: path and code of each fault.
        extra: further members of the answer; codes and officers' names only.
        headers: of the answer.
        case_id: the case it was about, for the audit entry; never in the answer.
        audited: an entry was already written, in the transaction that decided it.
    """

    def __init__(
        self,
        code: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        case_id: UUID | None = None,
        audited: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.spec = PROBLEMS[code]
        self.errors = errors
        self.extra = extra or {}
        self.headers = headers or {}
        self.case_id = case_id
        self.audited = audited

    def body(self, language: Language, trace_id: str) -> dict[str, Any]:
        """The members of the answer, in the reader's language."""
        members: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "code": self.code,
            "title": self.spec.title.text(language),
            "status": self.spec.status,
            "detail": self.spec.detail.text(language),
            "next": self.spec.next.text(language),
            "trace_id": trace_id,
        }
        if self.errors:
            members["errors"] = [dict(error) for error in self.errors]
        return members | dict(self.extra)


_AGAIN = Both("Hãy gửi lại sau ít phút.", "Send it again in a few minutes.")
_SIGN_IN = Both("Hãy đăng nhập lại.", "Sign in again.")
_SIGN_IN_TITLE = Both("Cần đăng nhập", "Sign-in needed")
_CORRECT = Both("Hãy sửa các mục được nêu rồi gửi lại.", "Correct what is named and send it again.")
_NOT_YOURS = Both("Không thuộc thẩm quyền", "Not within your powers")
_ASK_ADMIN = Both("Hãy liên hệ người quản trị của đơn vị.", "Ask your unit's administrator.")
_RELOAD = Both("Hãy tải lại rồi thực hiện lại nếu vẫn cần.", "Reload, and do it again if it is still needed.")

_DOOR: dict[str, Spec] = {
    "malformed-json": Spec(
        400,
        Both("Nội dung gửi không đọc được", "The body cannot be read"),
        Both("Nội dung không phải là JSON hợp lệ, mã hóa UTF-8.", "The body is not valid JSON in UTF-8."),
        Both("Hãy kiểm tra ứng dụng đang dùng rồi gửi lại.", "Check the client and send it again."),
    ),
    "not-signed-in": Spec(
        401,
        _SIGN_IN_TITLE,
        Both("Yêu cầu này cần mã đăng nhập hợp lệ.", "This needs a valid bearer token."),
        _SIGN_IN,
    ),
    "session-ended": Spec(
        401,
        _SIGN_IN_TITLE,
        Both("Phiên làm việc đã kết thúc.", "The session has ended."),
        _SIGN_IN,
    ),
    "position-ended": Spec(
        401,
        _SIGN_IN_TITLE,
        Both("Chức danh dùng để đăng nhập không còn hiệu lực.", "The position signed in with is no longer in force."),
        Both("Hãy đăng nhập bằng chức danh hiện tại.", "Sign in with your present position."),
    ),
    "sign-in-failed": Spec(
        401,
        Both("Không đăng nhập được", "Sign-in failed"),
        Both(
            "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang tạm khóa.",
            "User name or password is wrong, or the account is locked for a while.",
        ),
        Both(
            "Hãy kiểm tra rồi thử lại; sau sáu lần sai, tài khoản tạm khóa 30 phút.",
            "Check and try again; after six failures an account is locked for 30 minutes.",
        ),
    ),
    "gateway-not-known": Spec(
        401,
        Both("Cổng tin nhắn chưa được xác thực", "The gateway is not authenticated"),
        Both("Mã của cổng tin nhắn không đúng.", "The gateway's token is wrong."),
        Both("Hãy kiểm tra cấu hình của cổng tin nhắn.", "Check the gateway's configuration."),
    ),
    "not-permitted": Spec(
        403,
        _NOT_YOURS,
        Both("Chức danh của bạn không được làm việc này.", "Your position may not do this."),
        Both("Hãy chuyển cho người có thẩm quyền.", "Pass it to somebody who may."),
    ),
    "not-for-yourself": Spec(
        403,
        _NOT_YOURS,
        Both(
            "Người quản trị không được tự cấp chức danh, ủy quyền hoặc tài khoản cho chính mình.",
            "An administrator may not give a position, a deputising or an account to themselves.",
        ),
        Both("Hãy đề nghị người quản trị khác thực hiện.", "Ask another administrator to do it."),
    ),
    "no-position": Spec(
        403,
        _NOT_YOURS,
        Both("Tài khoản hiện không có chức danh nào còn hiệu lực.", "The account holds no position in force."),
        _ASK_ADMIN,
    ),
    "password-change-required": Spec(
        403,
        Both("Cần đặt mật khẩu mới", "A new password is needed"),
        Both("Mật khẩu dùng một lần chỉ để đặt mật khẩu mới.", "A one-time password only serves to set a new one."),
        Both(
            "Hãy gửi lại yêu cầu đăng nhập kèm new_password (ít nhất 12 ký tự).",
            "Send the sign-in again with new_password (at least 12 characters).",
        ),
    ),
    "not-found": Spec(
        404,
        Both("Không tìm thấy", "Not found"),
        Both("Không có nội dung này, hoặc bạn không được xem.", "There is no such thing, or it is not yours to see."),
        Both("Hãy kiểm tra lại mã hoặc đường dẫn.", "Check the code or the address."),
    ),
    "method-not-allowed": Spec(
        405,
        Both("Phương thức không dùng được", "Method not allowed"),
        Both("Địa chỉ này không nhận phương thức đã gửi.", "This address does not take that method."),
        Both("Hãy xem tài liệu API.", "See the API's documentation."),
    ),
    "already-ended": Spec(
        409,
        Both("Đã kết thúc", "Already ended"),
        Both("Mục này đã được kết thúc trước đó.", "This was ended before."),
        _RELOAD,
    ),
    "code-taken": Spec(
        409,
        Both("Mã đã được dùng", "The code is taken"),
        Both("Mã hoặc tên đăng nhập này đã có người dùng.", "This code or user name is in use."),
        Both("Hãy chọn mã khác.", "Choose another one."),
    ),
    "escalation-not-open": Spec(
        409,
        Both("Không thực hiện được lúc này", "Not possible now"),
        Both("Việc báo lên cấp trên này không còn ở bước đó.", "The escalation is no longer at that step."),
        _RELOAD,
    ),
    "call-already-recorded": Spec(
        409,
        Both("Đã được ghi", "Already recorded"),
        Both("Kết quả cuộc gọi này đã được ghi.", "This call's outcome is on record."),
        _RELOAD,
    ),
    "second-person-needed": Spec(
        403,
        _NOT_YOURS,
        Both(
            "Người đề nghị, người xác nhận và người xem xét lại phải là ba người khác nhau.",
            "Who asks, who confirms and who reviews are three different people.",
        ),
        Both("Hãy để người khác thực hiện.", "Let somebody else do it."),
    ),
    "consent-from-alleged": Spec(
        409,
        Both("Không lấy ý kiến của người này", "Not to be asked of this person"),
        Both(
            "Người này bị cho là gây tổn hại cho trẻ, hoặc có thể là người đó; không lấy sự đồng ý của họ.",
            "This person is alleged to have harmed the child, or may be the one; their consent is not sought.",
        ),
        Both(
            "Hãy cử người đại diện thay thế (SUBSTITUTE) cho trẻ, hoặc ghi căn cứ xử lý không cần sự đồng ý.",
            "Name a substitute representative (SUBSTITUTE), or record a ground for going without consent.",
        ),
    ),
    "already-readable": Spec(
        409,
        Both("Không cần", "Not needed"),
        Both("Bạn đang được xem hồ sơ này.", "You may read this case already."),
        Both("Hãy mở hồ sơ.", "Open the case."),
    ),
    "break-glass-not-open": Spec(
        409,
        Both("Không thực hiện được lúc này", "Not possible now"),
        Both(
            "Đề nghị này đã được xác nhận, đã được xem xét hoặc đã quá thời gian chờ.",
            "This was confirmed or reviewed before, or has waited too long, or is not that far yet.",
        ),
        _RELOAD,
    ),
    "precondition-failed": Spec(
        412,
        Both("Đã có người sửa trước", "Somebody else changed it first"),
        Both("Nội dung đã thay đổi kể từ khi bạn tải về.", "It changed since you read it."),
        Both("Hãy tải lại, so sánh và gửi lại.", "Reload, compare and send it again."),
    ),
    "body-too-large": Spec(
        413,
        Both("Nội dung quá lớn", "The body is too large"),
        Both("Nội dung gửi vượt 1 MiB.", "The body exceeds 1 MiB."),
        Both("Hãy rút gọn nội dung.", "Shorten it."),
    ),
    "media-type-not-supported": Spec(
        415,
        Both("Định dạng không hỗ trợ", "Media type not supported"),
        Both("Chỉ nhận nội dung application/json.", "Bodies are application/json."),
        Both("Hãy đặt Content-Type: application/json.", "Set Content-Type: application/json."),
    ),
    "invalid-request": Spec(
        422,
        Both("Dữ liệu chưa hợp lệ", "The request is not valid"),
        Both("Có mục thiếu, thừa hoặc sai kiểu; chưa có gì được ghi.", "Something is missing, unknown or of the wrong "
             "kind; nothing was recorded."),
        _CORRECT,
    ),
    "text-not-storable": Spec(
        422,
        Both("Văn bản không lưu được", "The text cannot be stored"),
        Both("Văn bản có ký tự NUL hoặc ký tự không hoàn chỉnh.", "The text holds NUL or half a character."),
        Both("Hãy gõ lại phần văn bản đó.", "Type that part again."),
    ),
    "idempotency-key-reused": Spec(
        422,
        Both("Khóa chống gửi trùng đã dùng", "The idempotency key was used before"),
        Both("Khóa này đã đi cùng một nội dung khác.", "This key came with another request."),
        Both("Hãy dùng khóa mới cho nội dung mới.", "Use a new key for a new request."),
    ),
    "precondition-required": Spec(
        428,
        Both("Thiếu If-Match", "If-Match is missing"),
        Both("Sửa mục này cần ETag của bản đã đọc.", "Changing this needs the ETag of what was read."),
        Both("Hãy đọc lại và gửi kèm If-Match.", "Read it and send If-Match."),
    ),
    "declaration-required": Spec(
        428,
        Both("Cần cam kết trước khi mở hồ sơ", "A declaration is needed first"),
        Both(
            "Người mở hồ sơ lần đầu phải cam kết có hay không có quan hệ, quyền lợi liên quan đến vụ việc. Việc xử lý, "
            "kể cả khẩn cấp, không phải chờ cam kết này.",
            "Whoever opens a case for the first time declares whether they are related to it. Acting on it, in an "
            "emergency above all, does not wait for that.",
        ),
        Both(
            'Hãy gửi cam kết đến địa chỉ nêu ở about.post ({"answer": "none"} hoặc {"answer": "related", '
            '"relation": …}), rồi mở lại.',
            'Post it to the address in about.post ({"answer": "none"} or {"answer": "related", "relation": …}), '
            "then open the case again.",
        ),
    ),
    "too-many-sign-ins": Spec(
        429,
        Both("Thử đăng nhập quá nhiều lần", "Too many sign-ins"),
        Both("Đã quá số lần thử trong một phút.", "More tries than a minute allows."),
        Both("Hãy đợi một phút rồi thử lại.", "Wait a minute and try again."),
    ),
    "internal": Spec(
        500,
        Both("Lỗi hệ thống", "Internal error"),
        Both("Hệ thống gặp lỗi; chưa chắc yêu cầu đã được ghi.", "Something failed; the request may not be on record."),
        Both(
            "Hãy xem lại hồ sơ trước khi nhập lại, hoặc gửi lại đúng yêu cầu này với cùng khóa; khi báo lỗi, nêu mã "
            "trace_id.",
            "Look at the case before typing it anew, or send the same request with the same key again; name the "
            "trace_id when reporting this.",
        ),
    ),
    "database-away": Spec(
        503,
        Both("Tạm thời không phục vụ được", "Not available for the moment"),
        Both(
            "Cơ sở dữ liệu không trả lời; chưa chắc yêu cầu đã được ghi hay chưa.",
            "The database is away; the request may be on record or not.",
        ),
        Both(
            "Hãy gửi lại đúng yêu cầu này với cùng khóa sau ít phút, sẽ không bị ghi hai lần; hoặc xem lại hồ sơ trước "
            "khi nhập lại. Việc khẩn cấp: gọi 111 hoặc trực ban Sở Y tế ngay.",
            "Send the same request with the same key again in a few minutes, it will not be recorded twice; or look at "
            "the case before typing it anew. In an emergency phone 111 or the department's duty desk now.",
        ),
    ),
    "command-not-confirmed": Spec(
        503,
        Both("Chưa xác nhận được", "Not confirmed yet"),
        Both(
            "Nội dung đã được giữ lại, nhưng chưa xác nhận được việc thực hiện.",
            "What was typed is kept, but it is not confirmed yet that it was carried out.",
        ),
        Both(
            "Hãy gửi lại đúng yêu cầu này với cùng khóa; sẽ không bị ghi hai lần.",
            "Send the very same request with the same key again; it will not be recorded twice.",
        ),
    ),
}  # fmt: skip

_REFUSAL_STATUS: Final[dict[str, int]] = {
    "unknown-event": 404,
    "not-your-role": 403,
    "not-your-unit": 403,
    "judge-not-outside": 403,
    "recused": 403,
    "too-early": 422,
    "in-the-future": 422,
    "means-missing": 422,
    "reason-missing": 422,
    "field-missing": 422,
    "document-missing": 422,
    "value-not-allowed": 422,
    "decision-missing": 422,
    "trigger-missing": 422,
}
"""A refusal is 409, the case as it stands being the reason, unless who asks (403) or what was sent (422) is."""

_REFUSAL_WORDS: Final[dict[int, tuple[Both, Both]]] = {
    403: (_NOT_YOURS, Both("Hãy chuyển cho người có thẩm quyền.", "Pass it to somebody who may.")),
    404: (_DOOR["not-found"].title, Both("Hãy chọn thao tác được liệt kê.", "Choose an action that is listed.")),
    409: (
        Both("Chưa thể thực hiện", "Not possible as the case stands"),
        Both(
            "Hãy tải lại trường hợp và chọn một trong các thao tác được phép.",
            "Reload the case and choose one of the actions allowed.",
        ),
    ),
    422: (_DOOR["invalid-request"].title, _CORRECT),
}


def _refusal(code: str) -> Spec:
    status = _REFUSAL_STATUS.get(code, 409)
    title, then = _REFUSAL_WORDS[status]
    return Spec(status, title, Both(*REFUSALS[code]), then)


REFUSAL_CODES: Final = tuple(REFUSALS)
"""Codes that come from the lifecycle."""

PROBLEMS: Final[dict[str, Spec]] = {**_DOOR, **{code: _refusal(code) for code in REFUSALS}}
"""Every problem by its code."""

_SCHEMA_REF: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
_SIGNED_IN: Final = ("not-signed-in", "session-ended", "position-ended")
_ALWAYS: Final = ("invalid-request", "internal", "database-away")
_BODY: Final = ("malformed-json", "body-too-large", "media-type-not-supported", "text-not-storable")


def declares(*codes: str, body: bool = False, signed_in: bool = True) -> dict[int | str, dict[str, Any]]:
    """What an operation declares it can answer besides success: the given codes and those every such operation has.

    Args:
        codes: of ``PROBLEMS``.
        body: the operation takes a body.
        signed_in: the operation asks for a bearer token.
    """
    every = [*codes, *(_SIGNED_IN if signed_in else ()), *(_BODY if body else ()), *_ALWAYS]
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(every):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        status: {"description": ", ".join(found), "content": {MEDIA_TYPE: _SCHEMA_REF}}
        for status, found in sorted(by_status.items())
    }


def declares_refusals() -> tuple[str, ...]:
    """The codes an operation that sends a command can answer with."""
    return ("not-found", "idempotency-key-reused", "command-not-confirmed", *REFUSAL_CODES)


SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; docs/problems.md lists all of them.",
    "type": "object",
    "required": ["type", "code", "title", "status", "detail", "next", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string", "enum": list(PROBLEMS)},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "next": {"type": "string", "description": "What to do now."},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "code"],
                "properties": {
                    "path": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "code": {"type": "string"},
                },
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "Events possible as the case stands."},
        "about": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Codes, what exactly."},
        "latest_event": {
            "type": "object",
            "description": "Who moved the case last, where that was somebody else.",
            "required": ["event", "by", "role", "recorded_at"],
            "properties": {
                "event": {"type": "string"},
                "by": {"type": "string"},
                "role": {"type": "string"},
                "recorded_at": {"type": "string", "format": "date-time"},
            },
        },
    },
}
"""The component ``Problem`` of the OpenAPI document."""


def markdown() -> str:
    """docs/problems.md: generated, and compared with the file by a test."""
    lines = [
        "# Problem codes",
        "",
        "Generated by `python -m api.problems > docs/problems.md`; a test compares it with the code.",
        "Every error answer is `application/problem+json` (RFC 9457) with a stable `code`, `detail` and `next` in the",
        "caller's language, and a `trace_id` that stands in the log. `errors` lists paths and codes, never values.",
        "A refused action (409) lists `allowed`, the events possible as the case stands, and names who moved it last.",
        "",
        "| status | code | tiếng Việt | English |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {spec.status} | `{code}` | {spec.detail.vi} | {spec.detail.en} |"
        for code, spec in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0]))
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - it is the command's output
