"""Every way the door says no: one table of codes, each with its status and its sentences.

Codes are stable and never reused; refusals of the lifecycle keep the codes and sentences of
``models.lifecycle.refusals``. An answer carries codes, field paths and officers' names at most: never what was typed,
never anything about a child.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from api.language import Both
from models.lifecycle.referral import REFUSALS as OF_REFERRALS
from models.lifecycle.refusals import REFUSALS as OF_CASES
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
        spec: where this one says more than every other of its code.
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
        spec: Spec | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.spec = spec or PROBLEMS[code]
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
    "second-factor-failed": Spec(
        401,
        Both("Xác thực bước hai không thành công", "The second factor failed"),
        Both(
            "Mã xác thực không đúng, đã dùng hoặc đã hết hạn.", "The code or key is wrong, was used, or is out of date."
        ),
        Both("Hãy nhập mã mới hiển thị trên thiết bị.", "Enter the code your device shows now."),
    ),
    "sign-in-step-ended": Spec(
        401,
        Both("Bước đăng nhập đã hết hạn", "The sign-in took too long"),
        Both("Bước đăng nhập này không còn hiệu lực.", "This step of a sign-in is no longer in force."),
        Both("Hãy đăng nhập lại từ đầu.", "Begin the sign-in anew."),
    ),
    "external-sign-in-failed": Spec(
        401,
        Both("Không đăng nhập được", "Sign-in failed"),
        Both(
            "Hệ thống của cơ quan bạn không xác nhận được, hoặc danh tính đó chưa được gắn với tài khoản nào.",
            "Your organisation's provider did not confirm who you are, or that identity is linked to no account.",
        ),
        Both(
            "Hãy thử lại; nếu vẫn không được, liên hệ người quản trị.",
            "Try again; if it still fails, ask your administrator.",
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
    "link-not-usable": Spec(
        410,
        Both("Liên kết không dùng được nữa", "This link cannot be used any more"),
        Both(
            "Liên kết đã được mở, đã hết hạn, đã bị thu hồi hoặc không đúng. Mỗi liên kết chỉ mở được một lần.",
            "The link was opened already, has expired, was taken back or is not right. Each link opens once.",
        ),
        Both(
            "Hãy gọi cho cơ quan đã gửi để được cấp liên kết mới.",
            "Phone the office that sent it and ask for a new one.",
        ),
    ),
    "phrase-wrong": Spec(
        403,
        Both("Mã xác nhận chưa đúng", "That is not the phrase"),
        Both(
            "Bốn từ xác nhận không khớp. Sau một số lần sai, liên kết bị khóa.",
            "The four words do not match. After a few wrong tries the link is locked.",
        ),
        Both(
            "Hãy kiểm tra lại trên phiếu, hoặc gọi cho cơ quan đã gửi để nghe đọc lại.",
            "Look at the sheet again, or have the sending office read the words out.",
        ),
    ),
    "no-mail-address": Spec(
        409,
        Both("Nơi nhận chưa có địa chỉ thư điện tử", "The agency has no e-mail address"),
        Both(
            "Danh bạ dịch vụ chưa có địa chỉ thư điện tử của nơi nhận.",
            "The directory holds no e-mail address of this agency.",
        ),
        Both(
            "Hãy in phiếu trả lời, hoặc bổ sung địa chỉ vào danh bạ.",
            "Print the answer sheet, or add the address there.",
        ),
    ),
    "link-not-possible": Spec(
        409,
        Both("Chưa cấp được liên kết", "No link can be handed out"),
        Both(
            "Chuyển gửi chưa được gửi đi, hoặc đã kết thúc.", "The referral has not been sent yet, or it has ended."
        ),
        Both("Hãy gửi chuyển gửi đến nơi nhận trước.", "Send the referral to an agency first."),
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
    "not-yours-to-grant": Spec(
        403,
        _NOT_YOURS,
        Both(
            "Chức danh này không thuộc loại đơn vị đó, hoặc phải do cấp trên giao.",
            "That kind of office has no such role, or the role is given from above.",
        ),
        Both("Hãy chọn chức danh khác hoặc đề nghị cấp trên.", "Choose another role, or ask the level above."),
    ),
    "person-suspended": Spec(
        403,
        _NOT_YOURS,
        Both("Bạn đang bị đình chỉ quyền sử dụng hệ thống.", "You are suspended from using this service."),
        _ASK_ADMIN,
    ),
    "cross-site-refused": Spec(
        403,
        Both("Yêu cầu không đến từ trang của hệ thống", "Not sent by a page of this service"),
        Both(
            "Phiên trong trình duyệt chỉ dùng được từ chính trang của hệ thống này.",
            "A session kept in a browser is taken from this service's own pages only.",
        ),
        Both("Hãy mở trang của hệ thống rồi thực hiện lại.", "Open this service's page and do it there."),
    ),
    "password-wrong": Spec(
        403,
        Both("Mật khẩu hiện tại không đúng", "The present password is wrong"),
        Both("Chưa đổi mật khẩu vì mật khẩu hiện tại không đúng.", "Nothing was changed: the present one is wrong."),
        Both("Hãy nhập lại mật khẩu hiện tại.", "Enter your present password again."),
    ),
    "second-factor-required": Spec(
        403,
        Both("Cần xác thực bước hai", "A second factor is needed"),
        Both(
            "Mật khẩu đúng; tài khoản này cần thêm bước xác thực thứ hai.",
            "The password is right; this account needs its second factor as well.",
        ),
        Both(
            "Hãy gửi mã xác thực cùng step tới /sessions/second-factor.",
            "Send the code with the step to /sessions/second-factor.",
        ),
    ),
    "second-factor-not-set-up": Spec(
        403,
        Both("Cần cài đặt xác thực bước hai", "A second factor has to be set up"),
        Both(
            "Chức danh này chỉ làm việc được khi tài khoản có xác thực bước hai.",
            "This position may act only once the account has a second factor.",
        ),
        Both(
            "Hãy cài đặt ở /me/second-factor rồi thực hiện lại.", "Set one up at /me/second-factor, then do it again."
        ),
    ),
    "no-position": Spec(
        403,
        _NOT_YOURS,
        Both("Tài khoản hiện không có chức danh nào còn hiệu lực.", "The account holds no position in force."),
        _ASK_ADMIN,
    ),
    "not-found": Spec(
        404,
        Both("Không tìm thấy", "Not found"),
        Both("Không có nội dung này, hoặc bạn không được xem.", "There is no such thing, or it is not yours to see."),
        Both("Hãy kiểm tra lại mã hoặc đường dẫn.", "Check the code or the address."),
    ),
    "link-ended": Spec(
        404,
        Both("Liên kết không còn hiệu lực", "The link is no longer in force"),
        Both(
            "Liên kết này không đúng, đã dùng hoặc đã hết hạn.", "This link is wrong, was used, or has run out."
        ),
        Both("Hãy đề nghị người quản trị cấp liên kết mới.", "Ask your administrator for a new one."),
    ),
    "method-not-allowed": Spec(
        405,
        Both("Phương thức không dùng được", "Method not allowed"),
        Both("Địa chỉ này không nhận phương thức đã gửi.", "This address does not take that method."),
        Both("Hãy xem tài liệu API.", "See the API's documentation."),
    ),
    "body-too-slow": Spec(
        408,
        Both("Nội dung gửi quá chậm", "The body came too slowly"),
        Both(
            "Đường truyền quá chậm hoặc bị ngắt khi đang gửi; chưa có gì được ghi.",
            "The line was too slow or broke off on the way; nothing was recorded.",
        ),
        Both("Hãy kiểm tra đường truyền rồi gửi lại với cùng khóa.", "Check the line, then send it with the same key."),
    ),
    "already-ended": Spec(
        409,
        Both("Đã kết thúc", "Already ended"),
        Both("Mục này đã được kết thúc trước đó.", "This was ended before."),
        _RELOAD,
    ),
    "unit-in-use": Spec(
        409,
        Both("Đơn vị chưa thể kết thúc", "This office cannot end yet"),
        Both(
            "Đơn vị này còn hồ sơ, chuyển gửi đang mở, chức danh còn hiệu lực hoặc đơn vị trực thuộc; số lượng nêu ở "
            "mục about. Chưa có gì thay đổi.",
            "Cases, open referrals, positions in force or offices below are left with this office; how many stands in "
            "about. Nothing was changed.",
        ),
        Both(
            "Nếu là xã, phường: hãy sáp nhập vào đơn vị kế tiếp bằng việc thay đổi đơn vị (unit-changes); hồ sơ, kể cả "
            "hồ sơ đã đóng, cùng thời hạn và cán bộ sẽ chuyển theo. Nếu không: hãy bàn giao, kết thúc từng mục rồi "
            "gửi lại.",
            "A commune: merge it into its successor by a unit change (unit-changes); its cases, ended ones too, their "
            "deadlines and its people go along. Otherwise hand over or end each of these, then send this again.",
        ),
    ),
    "fhir-status-not-possible": Spec(
        409,
        Both("Trạng thái của Task không áp dụng được", "The Task's status is not possible"),
        Both(
            "Từ trạng thái hiện tại của chuyển gửi không thể chuyển sang trạng thái mà Task nêu.",
            "A referral does not go from where it stands to the status the Task names.",
        ),
        Both(
            "Hãy đọc lại Task, rồi gửi một trạng thái tiếp theo được phép (docs/guides/fhir.md).",
            "Read the Task again, and send a status that can follow (docs/guides/fhir.md).",
        ),
    ),
    "not-a-dead-letter": Spec(
        409,
        Both("Không phải tin chưa chuyển được", "Not a dead letter"),
        Both(
            "Chỉ gửi lại tin đã ngừng gửi; tin này đã chuyển được hoặc đang được gửi.",
            "Only what was given up is sent again; this was delivered, or is being sent.",
        ),
        _RELOAD,
    ),
    "code-taken": Spec(
        409,
        Both("Mã đã được dùng", "The code is taken"),
        Both("Mã hoặc tên đăng nhập này đã có người dùng.", "This code or user name is in use."),
        Both("Hãy chọn mã khác.", "Choose another one."),
    ),
    "already-set-up": Spec(
        409,
        Both("Đã được cài đặt", "Already set up"),
        Both("Tài khoản đã có mã xác thực theo thời gian.", "The account has time-based codes already."),
        Both("Hãy gỡ cài đặt cũ trước.", "Remove the old one first."),
    ),
    "no-account": Spec(
        409,
        Both("Chưa có tài khoản", "No account"),
        Both("Người này chưa có tài khoản, hoặc tài khoản đã kết thúc.", "This person has no account in force."),
        Both("Hãy tạo tài khoản trước.", "Make the account first."),
    ),
    "still-needed": Spec(
        409,
        Both("Chưa thể gỡ", "Not to be removed now"),
        Both(
            "Chức danh này bắt buộc có xác thực bước hai; đây là phương thức cuối cùng.",
            "This position needs a second factor, and this is the last one.",
        ),
        Both("Hãy cài đặt phương thức khác trước.", "Set another one up first."),
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
        Both("Địa chỉ này không nhận nội dung ở định dạng đã gửi.", "This address takes no body of that type."),
        Both(
            "Hãy gửi nội dung và đặt Content-Type theo định dạng mà địa chỉ này nhận.",
            "Send the body, and set Content-Type, as this address takes it.",
        ),
    ),
    "invalid-request": Spec(
        422,
        Both("Dữ liệu chưa hợp lệ", "The request is not valid"),
        Both("Có mục thiếu, thừa hoặc sai kiểu; chưa có gì được ghi.", "Something is missing, unknown or of the wrong "
             "kind; nothing was recorded."),
        _CORRECT,
    ),
    "purpose-required": Spec(
        422,
        Both("Cần nêu mục đích", "A purpose is needed"),
        Both("Việc này phải nêu mục đích truy cập.", "This asks for the purpose of access."),
        Both(
            "Hãy gửi lại với tiêu đề X-Purpose, chọn một mã trong danh mục `purposes`.",
            "Send it again with the header X-Purpose, a code of the vocabulary `purposes`.",
        ),
    ),
    "text-not-storable": Spec(
        422,
        Both("Văn bản không lưu được", "The text cannot be stored"),
        Both("Văn bản có ký tự NUL hoặc ký tự không hoàn chỉnh.", "The text holds NUL or half a character."),
        Both("Hãy gõ lại phần văn bản đó.", "Type that part again."),
    ),
    "passkey-refused": Spec(
        422,
        Both("Khóa truy cập không hợp lệ", "The passkey is not valid"),
        Both("Thiết bị trả lời không đúng yêu cầu đã gửi.", "The device's answer is not one to the question asked."),
        Both("Hãy bắt đầu cài đặt lại.", "Begin the set-up anew."),
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
    "receipt-unknown": Spec(
        404,
        Both("Không tìm thấy mã biên nhận", "The receipt is unknown"),
        Both("Không có tin báo nào ứng với mã này.", "No report belongs to this code."),
        Both("Hãy kiểm tra lại từng ký tự của mã.", "Check the code letter by letter."),
    ),
    "already-let-in": Spec(
        409,
        Both("Tin báo này đã được cho tiếp nhận", "This report was let in already"),
        Both(
            "Tin đã để riêng này đã trở thành tin báo, nên không thể xác định là không phải tin báo ở đây nữa.",
            "What had been set aside is a report by now; it can no longer be put away here.",
        ),
        Both(
            "Nếu tin không có căn cứ, xã, phường phụ trách sẽ kết luận khi giải quyết trường hợp.",
            "If there is nothing in it, the commune in charge will conclude so on the case.",
        ),
    ),
    "public-intake-closed": Spec(
        503,
        Both("Tin báo CHƯA được ghi", "The report is NOT on record"),
        Both("Nơi này hiện không tiếp nhận tin báo qua trang web.", "No reports are taken in by this page at present."),
        Both(
            "Hãy gọi 111 (miễn phí, 24/24 giờ); nếu trẻ đang gặp nguy hiểm, gọi ngay 113.",
            "Phone 111 (free, day and night); if the child is in danger now, phone 113 at once.",
        ),
    ),
    "too-many-requests": Spec(
        429,
        Both("Gửi quá nhiều yêu cầu", "Too many requests"),
        Both(
            "Phiên làm việc hoặc địa chỉ này đã gửi nhiều yêu cầu hơn mức cho phép; yêu cầu này chưa được thực hiện.",
            "This session or address has sent more than it may; this request was not carried out.",
        ),
        Both(
            "Hãy đợi số giây nêu ở Retry-After rồi gửi lại; tiếp nhận tin báo và việc khẩn cấp vẫn gửi được.",
            "Wait the seconds Retry-After names and send it again; reports and emergencies are taken all the same.",
        ),
    ),
    "too-many-reports": Spec(
        429,
        Both("Tin báo chưa được tiếp nhận", "The report was not taken in"),
        Both(
            "Phiên làm việc hoặc địa chỉ này gửi tin báo hoặc việc khẩn cấp dồn dập; yêu cầu này CHƯA được ghi.",
            "This session or address sends reports or emergencies without pause; this one is NOT on record.",
        ),
        Both(
            "Hãy giữ nguyên nội dung và gửi lại với cùng khóa sau số giây nêu ở Retry-After; sẽ không bị ghi hai lần. "
            "Việc khẩn cấp: gọi 111 hoặc trực ban Sở Y tế ngay.",
            "Keep what was typed and send it again with the same key after the seconds Retry-After names; it will not "
            "be recorded twice. In an emergency phone 111 or the department's duty desk now.",
        ),
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
    "attachment-type-not-allowed": Spec(
        415,
        Both("Loại tệp không được đính kèm", "This type of file cannot be attached"),
        Both(
            "Chỉ nhận ảnh, âm thanh, video và văn bản PDF; loại tệp được nhận biết theo nội dung, không theo tên.",
            "Photos, sound, film and PDF papers only; a file's type is told by its content, not by its name.",
        ),
        Both("Hãy chuyển văn bản sang PDF rồi gửi lại.", "Turn a paper into PDF and send it again."),
    ),
    "attachment-broken-off": Spec(
        400,
        Both("Tệp gửi chưa trọn vẹn", "The file did not arrive whole"),
        Both("Kết nối bị ngắt khi đang gửi; chưa có gì được lưu.", "The connection broke; nothing was stored."),
        Both("Hãy gửi lại tệp với cùng khóa.", "Send the file again with the same key."),
    ),
    "attachment-too-large": Spec(
        413,
        Both("Tệp quá lớn", "The file is too large"),
        Both("Tệp lớn hơn mức cho phép của hệ thống.", "The file is larger than this service takes."),
        Both("Hãy chia nhỏ hoặc nén bớt rồi gửi lại.", "Split or shrink it and send it again."),
    ),
    "too-many-attachments": Spec(
        409,
        Both("Đã đủ số tệp", "There are as many files as there may be"),
        Both(
            "Hồ sơ hoặc chuyển gửi đã có số tệp đính kèm tối đa.",
            "The case or the referral has reached the largest number of attachments.",
        ),
        Both("Hãy gộp các trang vào một tệp PDF.", "Put pages together into one PDF."),
    ),
    "attachment-not-shareable": Spec(
        409,
        Both("Không chia sẻ được tệp này", "This file cannot be shared"),
        Both(
            "Loại tệp này không thuộc phần thông tin dành cho dịch vụ của chuyển gửi, hoặc tệp do chính nơi nhận gửi.",
            "Files of this class are not part of what the service is given, or the file is the agency's own.",
        ),
        Both(
            "Hãy nêu điều nơi nhận cần biết trong nội dung đề nghị hoặc khi trả lời câu hỏi bổ sung thông tin.",
            "Say what the agency needs in the request, or in the answer to its question.",
        ),
    ),
    "attachment-quarantined": Spec(
        409,
        Both("Tệp chưa mở được", "The file cannot be opened yet"),
        Both("Tệp đang được giữ lại, chưa quét mã độc.", "The file is held back until it was scanned."),
        _AGAIN,
    ),
    "attachment-infected": Spec(
        409,
        Both("Tệp có mã độc", "The file is infected"),
        Both(
            "Chương trình quét phát hiện mã độc; tệp được giữ nguyên làm chứng cứ và không tải xuống được.",
            "The scanner found something harmful; the file is kept as evidence and cannot be downloaded.",
        ),
        Both("Hãy liên hệ người quản trị hệ thống.", "Ask the operator of the system."),
    ),
    "store-away": Spec(
        503,
        Both("Kho tệp không trả lời", "The file store is away"),
        Both("Chưa lưu hoặc chưa mở được tệp.", "The file could not be stored or opened."),
        _AGAIN,
    ),
    "content-erased": Spec(
        410,
        Both("Nội dung đã được xóa", "The content was erased"),
        Both(
            "Hết thời hạn lưu trữ, khóa mã hóa của hồ sơ đã bị hủy; không ai còn đọc được nội dung.",
            "At the end of retention the file's key was destroyed; nobody can read its content any more.",
        ),
        Both(
            "Hãy xem biên bản xóa dữ liệu; nếu có tin báo mới, hãy lập hồ sơ mới.",
            "See the certificate of erasure; for a new report open a new case.",
        ),
    ),
    "keys-away": Spec(
        503,
        Both("Tạm thời không mở được dữ liệu mã hóa", "Encrypted data cannot be opened for the moment"),
        Both(
            "Hệ thống không lấy được khóa mã hóa; chưa có gì được ghi hay hiển thị.",
            "The service cannot get at its keys; nothing was recorded or shown.",
        ),
        Both(
            "Hãy báo người quản trị hệ thống và gửi lại sau. Việc khẩn cấp: gọi 111 hoặc trực ban Sở Y tế ngay.",
            "Tell the operator, and send it again later. In an emergency phone 111 or the department's duty desk now.",
        ),
    ),
    "provider-away": Spec(
        503,
        Both("Hệ thống đăng nhập của cơ quan không trả lời", "The organisation's sign-in is away"),
        Both("Không kết nối được với nhà cung cấp danh tính.", "The identity provider cannot be reached."),
        Both(
            "Hãy thử lại sau ít phút hoặc đăng nhập bằng mật khẩu.", "Try again in a few minutes, or use your password."
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
    "transfer-within-province": 403,
    "recused": 403,
    "too-early": 422,
    "in-the-future": 422,
    "means-missing": 422,
    "reason-missing": 422,
    "field-missing": 422,
    "document-missing": 422,
    "value-not-allowed": 422,
    "person-unknown": 422,
    "decision-missing": 422,
    "trigger-missing": 422,
    "receiver-does-not-provide": 422,
    "transfer-unit-not-allowed": 422,
    "assignee-not-serving": 422,
    "due-in-the-past": 422,
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


# Whoever answers a referral has no case to reload.
_REFERRAL_WORDS: Final[dict[int, tuple[Both, Both]]] = {
    **_REFUSAL_WORDS,
    409: (
        Both("Chưa thể thực hiện", "Not possible as the referral stands"),
        Both(
            "Hãy tải lại chuyển gửi và chọn một trong các thao tác được phép.",
            "Reload the referral and choose one of the actions allowed.",
        ),
    ),
}
_SENTENCES: Final = {**OF_REFERRALS, **OF_CASES}


def _refusal(code: str) -> Spec:
    status = _REFUSAL_STATUS.get(code, 409)
    title, then = (_REFUSAL_WORDS if code in OF_CASES else _REFERRAL_WORDS)[status]
    return Spec(status, title, Both(*_SENTENCES[code]), then)


REFUSAL_CODES: Final = tuple(OF_CASES)
"""Codes that come from the lifecycle of a case."""

PROBLEMS: Final[dict[str, Spec]] = {**_DOOR, **{code: _refusal(code) for code in _SENTENCES}}
"""Every problem by its code."""

_SCHEMA_REF: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
_SIGNED_IN: Final = (
    "not-signed-in", "session-ended", "position-ended", "person-suspended", "cross-site-refused",
    "second-factor-not-set-up", "not-permitted",
)  # fmt: skip
_ALWAYS: Final = ("invalid-request", "too-many-requests", "internal", "database-away", "keys-away")
_BODY: Final = ("malformed-json", "body-too-slow", "body-too-large", "media-type-not-supported", "text-not-storable")


def phrase_wrong(tries: int) -> Problem:
    """The problem of a phrase that does not match, with how many wrong ones lock a link."""
    code = "phrase-wrong"
    detail = Both(
        f"Bốn từ xác nhận không khớp. Sau {tries} lần sai, liên kết bị khóa.",
        f"The four words do not match. After {tries} wrong tries the link is locked.",
    )
    return Problem(code, audited=True, spec=PROBLEMS[code]._replace(detail=detail))


_KINDS: Final[dict[str, str]] = {
    "application/json": "JSON",
    "text/csv": "CSV",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "XLSX",
}


def not_taken(takes: Iterable[str]) -> Problem:
    """The problem of a body in a format that an address does not take, with what it does take (media types)."""
    code = "media-type-not-supported"
    said = [f"{_KINDS[one]} ({one})" if one in _KINDS else one for one in takes]
    vi, en = " hoặc ".join(said), " or ".join(said)
    detail = Both(f"Địa chỉ này chỉ nhận nội dung {vi}.", f"This address takes {en}.")
    following = Both(f"Hãy gửi với Content-Type: {vi}.", f"Send it with Content-Type: {en}.")
    return Problem(code, spec=PROBLEMS[code]._replace(detail=detail, next=following))


def declares(*codes: str, body: bool = False, signed_in: bool = True) -> dict[int | str, dict[str, Any]]:
    """What an operation declares it can answer besides success: the given codes and those every such operation has.

    Args:
        codes: of ``PROBLEMS``.
        body: the operation takes a body.
        signed_in: the operation asks for a session or a service's token.
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
    return (
        "not-found", "idempotency-key-reused", "too-many-reports", "command-not-confirmed", "content-erased",
        *REFUSAL_CODES,
    )  # fmt: skip


def declares_referral_refusals() -> tuple[str, ...]:
    """The same for a command on a referral."""
    return (*declares_refusals(), *OF_REFERRALS)


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
        "step": {
            "type": "object",
            "description": "The next step of a sign-in: its token, and the ways to take it.",
            "required": ["token", "methods", "expires_at"],
            "properties": {
                "token": {"type": "string"},
                "methods": {"type": "array", "items": {"type": "string", "enum": ["totp", "passkey", "recovery"]}},
                "expires_at": {"type": "string", "format": "date-time"},
            },
        },
        "about": {
            "type": "object",
            "additionalProperties": {"type": ["string", "integer"]},
            "description": "Codes, what exactly; or how many of what.",
        },
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
