"""What a notice says, in the reader's language, for each channel: no personal data in any of them.

A notice stores codes and instants; the sentence is made when it is read or sent.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from models.calendar import TZ
from models.protocol.words import amount_words
from models.vocabulary import Language, label

GSM_LIMIT: Final = 160
"""Characters of one SMS in the GSM 7-bit alphabet (3GPP TS 23.038)."""
UCS2_LIMIT: Final = 70
"""Characters of one SMS as soon as one letter is outside that alphabet, as Vietnamese diacritics are."""

_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


@dataclass(frozen=True)
class Sentence:
    """One kind of notice in one language: the headline, what is asked of the reader, and the few words of an SMS.

    ``{due}`` what is due, ``{when}`` by when; both may be left out.
    """

    subject: str
    body: str
    short: str


@dataclass(frozen=True)
class Text:
    """A notice as it is read: ``subject``, ``body`` on a screen or by mail, ``short`` by SMS, ``spoken`` by voice."""

    subject: str
    body: str
    short: str
    spoken: str


_DEADLINES: Final = {False: "deadlines", True: "referral_deadlines"}
"""The vocabulary of a deadline's code: of a case's, or of a referral's."""

KINDS: Final[Mapping[str, tuple[Sentence, Sentence]]] = {
    "referral_received": (
        Sentence(
            "Chuyển gửi mới: {service}",
            "Đơn vị được đề nghị cung cấp dịch vụ “{service}” cho một trẻ em. "
            "Đề nghị mở chuyển gửi, xác nhận đã nhận và trả lời.",
            "chuyen gui moi, can xac nhan",
        ),
        Sentence(
            "New referral: {service}",
            "Your unit is asked to provide “{service}” for a child. Open the referral, acknowledge it and answer.",
            "new referral, acknowledge it",
        ),
    ),
    "answer_link": (
        Sentence(
            "Đề nghị trả lời chuyển gửi: {service}",
            "Đơn vị được đề nghị cung cấp dịch vụ “{service}” cho một trẻ em. Mở liên kết dưới đây, nhập bốn từ "
            "xác nhận (cơ quan gửi sẽ đọc qua điện thoại) và trả lời. Liên kết chỉ mở được một lần, trong {lasts}.",
            "de nghi tra loi chuyen gui",
        ),
        Sentence(
            "Please answer a referral: {service}",
            "Your unit is asked to provide “{service}” for a child. Open the link below, type the four words (the "
            "sending office reads them to you over the phone) and answer. The link opens once, within {lasts}.",
            "please answer a referral",
        ),
    ),
    "referral_answered": (
        Sentence(
            "Đã có thông tin bổ sung: {service}",
            "Nơi gửi đã trả lời đề nghị bổ sung thông tin về “{service}”. Đề nghị đọc và trả lời tiếp nhận hay không.",
            "da co thong tin bo sung",
        ),
        Sentence(
            "Your question was answered: {service}",
            "The sender answered what you asked about “{service}”. Read it and say whether you take it.",
            "your question was answered",
        ),
    ),
    "referral_disputed": (
        Sentence(
            "Kết quả chưa được chấp nhận: {service}",
            "Nơi gửi không đồng ý với kết quả “{service}”. Đề nghị xem lý do và tiếp tục cung cấp dịch vụ.",
            "ket qua chua duoc chap nhan",
        ),
        Sentence(
            "The outcome is disputed: {service}",
            "The sender does not agree with the outcome of “{service}”. Read why and go on with the service.",
            "the outcome is disputed",
        ),
    ),
    "referral_revoked": (
        Sentence(
            "Chuyển gửi đã được thu hồi: {service}",
            "Nơi gửi đã thu hồi đề nghị “{service}”. Đơn vị không cần xử lý tiếp.",
            "chuyen gui da thu hoi",
        ),
        Sentence(
            "The referral was revoked: {service}",
            "The sender revoked the referral to “{service}”. There is nothing more to do.",
            "referral revoked",
        ),
    ),
    "referral_withheld": (
        Sentence(
            "Sự đồng ý đã được rút lại: {service}",
            "Sự đồng ý cho dịch vụ “{service}” đã được rút lại. Thông tin của trẻ không còn được hiển thị; đề nghị tạm "
            "dừng cho đến khi nơi gửi quyết định.",
            "su dong y da rut lai, tam dung",
        ),
        Sentence(
            "The consent was taken back: {service}",
            "The consent to “{service}” was taken back. The child's information is no longer shown; hold on until the "
            "sender has decided.",
            "consent taken back, hold on",
        ),
    ),
    "referral_goes_on": (
        Sentence(
            "Chuyển gửi tiếp tục: {service}",
            "Dịch vụ “{service}” lại có sự đồng ý hoặc căn cứ. Đề nghị tiếp tục thực hiện.",
            "chuyen gui tiep tuc",
        ),
        Sentence(
            "The referral goes on: {service}",
            "There is consent to “{service}”, or a ground, again. Please go on.",
            "the referral goes on",
        ),
    ),
    "consent_lost": (
        Sentence(
            "Sự đồng ý đã rút lại, cần quyết định: {service}",
            "Sự đồng ý cho dịch vụ “{service}” đã được rút lại khi chuyển gửi đang thực hiện. Đề nghị thu hồi chuyển "
            "gửi, hoặc trưởng phòng ghi căn cứ để tiếp tục. Dịch vụ khẩn cấp vẫn tiếp tục và cần ghi căn cứ.",
            "su dong y da rut lai, can quyet dinh",
        ),
        Sentence(
            "Consent taken back, decide: {service}",
            "The consent to “{service}” was taken back while the referral is under way. Revoke it, or the head of "
            "office records a ground to go on. An emergency service goes on and needs its ground on record.",
            "consent taken back, decide",
        ),
    ),
    "webhook_dead": (
        Sentence(
            "Không chuyển được tới hệ thống của nơi nhận: {service}",
            "Hệ thống của nơi nhận không nhận được một thông báo về “{service}” và đã ngừng gửi. Đề nghị liên hệ nơi "
            "nhận bằng cách khác, rồi gửi lại khi hệ thống của họ hoạt động.",
            "he thong noi nhan khong nhan duoc tin",
        ),
        Sentence(
            "The agency's system could not be told: {service}",
            "The agency's system did not take an event about “{service}”, and sending was given up. Reach the agency "
            "in another way, and send it again when their system is back.",
            "an agency's system was not told",
        ),
    ),
    "referral_accepted": (
        Sentence(
            "Nơi nhận đã đồng ý: {service}",
            "Nơi nhận đã đồng ý cung cấp “{service}”. Thời hạn bắt đầu dịch vụ được theo dõi tiếp.",
            "noi nhan da dong y",
        ),
        Sentence(
            "Accepted: {service}",
            "The agency has agreed to provide “{service}”. Its start is followed from now on.",
            "the agency accepted",
        ),
    ),
    "referral_question": (
        Sentence(
            "Nơi nhận hỏi thêm: {service}",
            "Nơi nhận cần bổ sung thông tin để trả lời về “{service}”. Đề nghị trả lời trong thời hạn.",
            "noi nhan hoi them, can tra loi",
        ),
        Sentence(
            "The agency has a question: {service}",
            "The agency needs more information before it answers about “{service}”. Answer it in time.",
            "the agency has a question",
        ),
    ),
    "referral_outcome": (
        Sentence(
            "Đã có kết quả: {service}",
            "Nơi nhận đã ghi kết quả “{service}”. Đề nghị xem và xác nhận, hoặc nêu lý do không đồng ý.",
            "da co ket qua, can xac nhan",
        ),
        Sentence(
            "There is an outcome: {service}",
            "The agency recorded the outcome of “{service}”. Read it and confirm it, or say why you do not agree.",
            "an outcome, confirm it",
        ),
    ),
    "police_outcome": (
        Sentence(
            "Công an đã có kết quả giải quyết",
            "Đã có kết quả giải quyết tố giác, tin báo. Đề nghị xem kết quả và đánh giá lại nguy cơ của trẻ. Nếu không "
            "khởi tố: đề nghị trợ giúp pháp lý cho trẻ và xem xét khiếu nại, kiến nghị với Viện kiểm sát. "
            "Kế hoạch hỗ trợ trẻ vẫn tiếp tục.",
            "cong an da co ket qua, can xem",
        ),
        Sentence(
            "The police have an outcome",
            "There is an outcome of the report to the police. Read it and assess the child's risk again. If it is not "
            "prosecuted, ask for legal aid and consider a complaint to the procuracy. The plan for the child goes on.",
            "police outcome, read it",
        ),
    ),
    "referral_turned_away": (
        Sentence(
            "Nơi nhận không nhận: {service}",
            "Nơi nhận đã từ chối hoặc không trả lời “{service}”. Hệ thống chuyển đến đơn vị tiếp theo có thể nhận.",
            "noi nhan khong nhan, dang chuyen noi khac",
        ),
        Sentence(
            "Turned away: {service}",
            "The agency declined or did not answer “{service}”. It is passed on to the next unit that can take it.",
            "turned away, passed on",
        ),
    ),
    "referral_unanswered": (
        Sentence(
            "Chưa có trả lời: {due}",
            "Đã hết thời hạn mà nơi nhận chưa trả lời “{due}”. Hệ thống hỏi đơn vị tiếp theo có thể nhận; "
            "chuyển gửi khẩn cấp và đến công an vẫn để mở.",
            "chua co tra loi {due}",
        ),
        Sentence(
            "Unanswered: {due}",
            "Time is up and “{due}” is still unanswered. The next unit that can take it is asked; one to the police or "
            "an emergency service stays open.",
            "unanswered {due}",
        ),
    ),
    "need_unmet": (
        Sentence(
            "Nhu cầu chưa được đáp ứng: {service}",
            "Không còn đơn vị nào nhận “{service}”, hoặc dịch vụ không được cung cấp. Nhu cầu trở lại kế hoạch; "
            "đề nghị tìm cách đáp ứng khác.",
            "nhu cau chua duoc dap ung",
        ),
        Sentence(
            "Unmet need: {service}",
            "Nobody is left who takes “{service}”, or it was not given. The need is open again; find another way.",
            "unmet need",
        ),
    ),
    "report_received": (
        Sentence(
            "Thông tin mới, cần xác nhận",
            "Đơn vị vừa nhận được một thông tin về trẻ em. Đề nghị mở hồ sơ và xác nhận đã nhận{by}.",
            "tin moi, can xac nhan",
        ),
        Sentence(
            "New report, please acknowledge",
            "Your office has received a report about a child. Open the case and acknowledge the report{by}.",
            "new report, acknowledge it",
        ),
    ),
    "emergency_received": (
        Sentence(
            "KHẨN CẤP: thông tin mới, cần xác nhận ngay",
            "Một thông tin được đánh dấu khẩn cấp vừa được tiếp nhận. Đề nghị mở hồ sơ và xác nhận ngay{by}.",
            "KHAN CAP, tin moi, can xac nhan ngay",
        ),
        Sentence(
            "EMERGENCY: new report, acknowledge now",
            "A report flagged as an emergency has been received. Open the case and acknowledge it now{by}.",
            "EMERGENCY, new report, acknowledge now",
        ),
    ),
    "rung_before": (
        Sentence(
            "Sắp đến hạn: {due}",
            "Việc “{due}” của hồ sơ chưa hoàn thành; hạn cuối là {when}. Cấp nhận thông báo: {level}.",
            "sap den han {due} {when}",
        ),
        Sentence(
            "Falls due soon: {due}",
            "“{due}” is not done yet; the limit is {when}. You are told at {level}.",
            "{due} due {when}",
        ),
    ),
    "rung_after": (
        Sentence(
            "QUÁ HẠN: {due}",
            "Việc “{due}” của hồ sơ đã quá hạn từ {when} và vẫn chưa hoàn thành. Cấp nhận thông báo: {level}.",
            "QUA HAN {due} tu {when}",
        ),
        Sentence(
            "OVERDUE: {due}",
            "“{due}” has been overdue since {when} and is still not done. You are told at {level}.",
            "OVERDUE {due} since {when}",
        ),
    ),
    "logged_nationally": (
        Sentence(
            "Để biết: đã báo cấp tỉnh việc “{due}”",
            "Việc “{due}” của hồ sơ (hạn cuối {when}) chưa hoàn thành và đã được báo đến Ủy ban nhân dân cấp tỉnh, là "
            "nơi phải chỉ đạo xử lý. Thông báo này để theo dõi trên toàn quốc, không yêu cầu trả lời.",
            "de biet, da bao cap tinh {due}",
        ),
        Sentence(
            "For information: the province was told of “{due}”",
            "“{due}” (limit {when}) is not done, and the provincial People's Committee, which must act, was told. "
            "This is on record for the national desk; no answer is asked of you.",
            "for information, province told of {due}",
        ),
    ),
    "rung_ends": (
        Sentence(
            "Đã kết thúc: {due}",
            "“{due}” đã kết thúc lúc {when}. Từ thời điểm này biện pháp không còn hiệu lực; đề nghị xem trẻ có cần "
            "được bảo vệ tiếp hay không.",
            "da ket thuc {due} luc {when}",
        ),
        Sentence(
            "Has ended: {due}",
            "“{due}” ended at {when} and no longer holds; see whether the child needs further protection.",
            "{due} ended {when}",
        ),
    ),
    "emergency_ruled_out": (
        Sentence(
            "Đã loại trừ tình trạng khẩn cấp",
            "Cán bộ phụ trách đã ghi nhận hồ sơ không thuộc trường hợp khẩn cấp. "
            "Nếu không đồng ý, ông/bà có thể xác định lại là trường hợp khẩn cấp.",
            "da loai tru khan cap, xem lai neu khong dong y",
        ),
        Sentence(
            "Emergency ruled out",
            "The officer recorded that the case is not an emergency. If you do not agree, you can raise it.",
            "emergency ruled out, raise it if you disagree",
        ),
    ),
    "emergency_raised": (
        Sentence(
            "KHẨN CẤP: đã xác định là trường hợp khẩn cấp",
            "Hồ sơ vừa được xác định là trường hợp khẩn cấp. Phải áp dụng biện pháp bảo vệ{by}.",
            "KHAN CAP, can ap dung bien phap bao ve",
        ),
        Sentence(
            "EMERGENCY raised",
            "The case was found to be an emergency. Measures must be applied{by}.",
            "EMERGENCY raised, apply measures",
        ),
    ),
    "assigned": (
        Sentence(
            "Ông/bà được giao phụ trách hồ sơ",
            "Ông/bà là người phụ trách hồ sơ này kể từ thời điểm nhận thông báo.",
            "ong/ba duoc giao phu trach ho so",
        ),
        Sentence("A case is yours", "You own this case from now on.", "you own this case now"),
    ),
    "child_died": (
        Sentence(
            # Why stands in the file only: mail and SMS are read over shoulders, and by whoever holds the phone.
            "Đề nghị đóng hồ sơ sớm, cần xem xét ngay",
            "Hồ sơ có đề nghị đóng sớm, cần xem xét ngay và ghi kết quả{by}. Đề nghị mở hồ sơ để xem lý do.",
            "de nghi dong ho so som, can xem xet ngay",
        ),
        Sentence(
            "Early closure proposed, review needed now",
            "An early closure was proposed that must be looked at now, the result to be recorded{by}. "
            "Open the case to see why.",
            "early closure proposed, review needed now",
        ),
    ),
    "closure_quality_review": (
        Sentence(
            "Cần xem xét chất lượng việc đóng hồ sơ",
            "Hồ sơ được mở lại trong vòng 6 tháng sau khi đóng. Đề nghị xem xét việc đóng hồ sơ{by}.",
            "can xem xet viec dong ho so",
        ),
        Sentence(
            "Closure quality review",
            "The case was reopened within 6 months of its closing. Look at how it came to be closed{by}.",
            "closure quality review needed",
        ),
    ),
    "task_given": (
        Sentence(
            "Ông/bà được giao một việc",
            "Ông/bà được giao một việc trong hồ sơ này{by}. Đề nghị mở hồ sơ để xem nội dung.",
            "ong/ba duoc giao mot viec",
        ),
        Sentence(
            "A task is yours",
            "You were given a task in this case{by}. Open the case to see what it is.",
            "you were given a task",
        ),
    ),
    "conference_called": (
        Sentence(
            "Mời họp về một trường hợp",
            "Ông/bà được mời dự họp về trường hợp này{by}. Địa điểm, giờ họp do đơn vị phụ trách thông báo.",
            "moi hop ve mot truong hop",
        ),
        Sentence(
            "You are invited to a case conference",
            "You are invited to a conference about this case{by}. The unit that holds it tells you where and when.",
            "invited to a case conference",
        ),
    ),
    "task_dropped": (
        Sentence(
            "Việc đã giao không còn phải làm",
            "Một việc đã giao cho ông/bà trong hồ sơ này được thôi, ông/bà không phải làm nữa. Lý do ghi trong hồ sơ.",
            "viec da giao khong phai lam nua",
        ),
        Sentence(
            "A task need not be done any more",
            "A task you were given in this case need not be done any more. The reason stands in the case.",
            "a task of yours was dropped",
        ),
    ),
    "conference_off": (
        Sentence(
            "Cuộc họp về trường hợp không diễn ra",
            "Cuộc họp về trường hợp này mà ông/bà được mời dự không diễn ra. Đơn vị phụ trách sẽ mời lại nếu cần.",
            "cuoc hop ve truong hop khong dien ra",
        ),
        Sentence(
            "A case conference is off",
            "The conference about this case to which you were invited does not take place. The unit that holds the "
            "case calls another where it is needed.",
            "the case conference is off",
        ),
    ),
    "transfer_proposed": (
        Sentence(
            "Có trường hợp đề nghị chuyển đến",
            "Đơn vị được đề nghị tiếp nhận một trường hợp. Đề nghị mở hồ sơ, xem và trả lời tiếp nhận hay không{by}.",
            "de nghi tiep nhan truong hop chuyen den",
        ),
        Sentence(
            "A case is proposed to your unit",
            "Your unit is asked to take a case over. Open it, read it and answer{by}.",
            "a case is proposed to you",
        ),
    ),
    "transfer_accepted": (
        Sentence(
            "Trường hợp đã được tiếp nhận",
            "Đơn vị nhận đã tiếp nhận trường hợp chuyển giao và phụ trách kể từ thời điểm này.",
            "truong hop da duoc tiep nhan",
        ),
        Sentence(
            "The case was taken over",
            "The receiving unit took the case over and holds it from now on.",
            "the case was taken over",
        ),
    ),
    "transfer_refused": (
        Sentence(
            "Trường hợp không được tiếp nhận",
            "Đơn vị được đề nghị đã từ chối tiếp nhận trường hợp kèm lý do. Đơn vị vẫn phụ trách; đề nghị mở hồ sơ "
            "để xem.",
            "don vi nhan tu choi tiep nhan",
        ),
        Sentence(
            "The transfer was refused",
            "The unit that was asked refused to take the case, with its reasons. You still hold it; open it and read.",
            "the transfer was refused",
        ),
    ),
    "transfer_unassigned": (
        Sentence(
            "Việc chuyển trường hợp bị từ chối",
            "Một xã, phường đã từ chối tiếp nhận trường hợp chuyển đến. Đề nghị xem xét, phân công đơn vị phụ trách "
            "nếu cần.",
            "viec chuyen truong hop bi tu choi",
        ),
        Sentence(
            "A transfer was refused",
            "A commune refused to take over a case. Look at it, and assign a unit where that is needed.",
            "a transfer was refused",
        ),
    ),
    "transfer_withdrawn": (
        Sentence(
            "Đề nghị chuyển trường hợp đã được rút",
            "Đơn vị gửi đã rút đề nghị chuyển trường hợp. Đơn vị không cần trả lời nữa.",
            "de nghi chuyen truong hop da rut",
        ),
        Sentence(
            "The transfer was withdrawn",
            "The sender withdrew the transfer. There is nothing more to answer.",
            "the transfer was withdrawn",
        ),
    ),
    "transfer_assigned": (
        Sentence(
            "Trường hợp được giao cho đơn vị",
            "Trường hợp được phân công cho đơn vị phụ trách kể từ thời điểm này. Đề nghị mở hồ sơ và phân công người "
            "phụ trách.",
            "truong hop duoc giao cho don vi",
        ),
        Sentence(
            "A case was assigned to your unit",
            "Your unit holds this case from now on. Open it and name its owner.",
            "a case was assigned to you",
        ),
    ),
    "transfer_settled": (
        Sentence(
            "Đã phân công đơn vị phụ trách trường hợp",
            "Cấp có thẩm quyền đã phân công đơn vị khác phụ trách trường hợp. Đơn vị không cần xử lý việc chuyển "
            "giao nữa.",
            "da phan cong don vi phu trach",
        ),
        Sentence(
            "The case was assigned to another unit",
            "It was decided that another unit holds the case. Nothing of the transfer is left for you to do.",
            "assigned to another unit",
        ),
    ),
    "transfer_requested": (
        Sentence(
            "Có đơn vị đề nghị được nhận trường hợp",
            "Một xã, phường khác đề nghị được nhận trường hợp. Đề nghị mở hồ sơ, chuyển trường hợp hoặc từ chối kèm "
            "lý do{by}.",
            "co don vi de nghi nhan truong hop",
        ),
        Sentence(
            "Another unit asks for the case",
            "Another commune asks for this case. Open it, and propose the transfer or decline with reasons{by}.",
            "another unit asks for it",
        ),
    ),
    "request_declined": (
        Sentence(
            "Đề nghị nhận trường hợp không được chấp nhận",
            "Đơn vị phụ trách đã từ chối đề nghị nhận trường hợp. Nếu cần, đề nghị liên hệ đơn vị phụ trách hoặc Sở "
            "Y tế.",
            "de nghi nhan truong hop bi tu choi",
        ),
        Sentence(
            "Your request was declined",
            "The unit that holds the case declined your request. Where needed, contact that unit or the department "
            "of health.",
            "your request was declined",
        ),
    ),
    "waits_for_you": (
        Sentence(
            "Hồ sơ chờ quyết định",
            "Hồ sơ có đề nghị đang chờ ông/bà xem xét, quyết định{by}.",
            "ho so cho quyet dinh",
        ),
        Sentence(
            "A decision waits for you",
            "A proposal in this case waits for your decision{by}.",
            "a decision waits for you",
        ),
    ),
    "returned_to_you": (
        Sentence(
            "Đề nghị được trả lại",
            "Đề nghị đã được trả lại kèm lý do. Đề nghị mở hồ sơ để xem và hoàn thiện{by}.",
            "de nghi duoc tra lai, can hoan thien",
        ),
        Sentence(
            "Returned to you",
            "Your proposal was returned with reasons. Open the case to see them and complete it{by}.",
            "your proposal was returned",
        ),
    ),
    "delegate_wanted": (
        Sentence(
            "Cần cử người quyết định thay",
            "Hồ sơ có người phải từ chối tham gia. Nếu đó là người có thẩm quyền quyết định, đề nghị cử người "
            "thay{by}.",
            "can cu nguoi quyet dinh thay",
        ),
        Sentence(
            "A delegate may be needed",
            "Somebody was recused from this case. If it is one who decides, name a delegate{by}.",
            "name a delegate for a case",
        ),
    ),
    "conflict_found": (
        Sentence(
            "Có thể có xung đột lợi ích, cần xem xét",
            "Hồ sơ có thể liên quan đến một người đang làm việc trong hệ thống hoặc người thân của họ. Người đó tạm "
            "thời không được xem hồ sơ. Đề nghị mở danh sách xung đột lợi ích của hồ sơ để xác nhận hoặc loại trừ{by}.",
            "co the co xung dot loi ich, can xem xet",
        ),
        Sentence(
            "Possible conflict of interest, to be decided",
            "The case may concern somebody who works with the system, or a relative of theirs. It is kept from them "
            "for now. Open the case's list of conflicts and confirm or clear it{by}.",
            "possible conflict of interest, decide",
        ),
    ),
    "glass_broken": (
        Sentence(
            "Hồ sơ được mở theo diện cấp thiết, cần xem xét lại",
            "Một người ngoài đơn vị phụ trách vừa được mở xem hồ sơ trong thời gian ngắn, có người thứ hai xác nhận. "
            "Đề nghị xem lý do và ghi kết luận xem xét lại{by}.",
            "ho so duoc mo theo dien cap thiet, can xem lai",
        ),
        Sentence(
            "A case was opened in an emergency, to be reviewed",
            "Somebody whose case it is not may read it for a short time, on a second person's word. Look at the reason "
            "and record what you find{by}.",
            "case opened in an emergency, review",
        ),
    ),
    "told": (
        Sentence(
            "Hồ sơ có thay đổi cần biết",
            "Hồ sơ có thay đổi cần biết. Đề nghị mở hồ sơ để xem.",
            "ho so co thay doi can xem",
        ),
        Sentence(
            "Something you should know",
            "Something happened in a case that you should know of. Open the case to see it.",
            "something happened, open the case",
        ),
    ),
}
"""Every kind of notice, Vietnamese first."""


def link(public_url: str, case_id: UUID) -> str:
    """Where the case is read: the id says nothing to whoever may not."""
    return f"{public_url.rstrip('/')}/cases/{case_id}"


_LINK_LASTED: Final = "7 CD"
"""What held of every link while the protocol did not say so yet: for notices that were written then."""


def render(kind: str, values: Mapping[str, Any], language: str, url: str) -> Text:
    """The notice as it is read.

    Args:
        kind: one of ``KINDS``.
        values: ``case`` (its code); where they apply ``deadline`` (code), ``due_at`` (ISO instant), ``level``, ``unit``
            (``day`` where the limit is one of days), ``lasts`` (of a one-time link).
        language: ``vi`` or ``en``; anything else reads Vietnamese.
        url: the link.

    Raises:
        KeyError: an unknown kind.
    """
    lang: Language = "en" if language == "en" else "vi"
    sentence = KINDS[kind][lang == "en"]
    case = str(values["case"])
    service = label("referral_services", values["service"], lang) if values.get("service") else ""
    due = label(_DEADLINES[bool(service)], values["deadline"], lang) if values.get("deadline") else ""
    due = f"{service}: {due}" if service and due else due
    when = moment(values["due_at"], lang, ends_a_day=values.get("unit") == "day") if values.get("due_at") else ""
    level = label("escalation_levels", values["level"], lang) if values.get("level") else ""
    lasts = amount_words(values.get("lasts", _LINK_LASTED), lang)
    words = {"due": due, "when": when, "level": level, "by": _by(when, lang), "service": service, "lasts": lasts}
    subject, body = sentence.subject.format(**words), sentence.body.format(**words)
    about = ("Hồ sơ", "Xem hồ sơ") if lang == "vi" else ("Case", "Open the case")
    return Text(
        subject=f"{case} · {subject}",
        body=f"{about[0]}: {case}\n\n{body}\n\n{about[1]}: {url}\n",
        short=_short(f"An Nhi {case}: ", sentence, words, values, url),
        spoken=f"An Nhi. {about[0]} {case}. {subject}. {body}",
    )


def moment(value: str | datetime, lang: Language, *, ends_a_day: bool = False) -> str:
    """An instant as people in Viet Nam read it. The end of a day is said as 24:00 of that day."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone(TZ)
    clock = f"{local:%H:%M}"
    if ends_a_day and local.time() == time():
        local, clock = local - timedelta(days=1), "24:00"
    return f"{clock} ngày {local:%d/%m/%Y}" if lang == "vi" else f"{clock} on {local:%d %b %Y}"


def sms_limit(message: str) -> int:
    """How many characters one SMS of this text may have."""
    return GSM_LIMIT if _GSM.issuperset(message) else UCS2_LIMIT


def plain(message: str) -> str:
    """A text in letters of which one SMS holds 160: Vietnamese without its marks, as SMS are written."""
    flat = unicodedata.normalize("NFD", message.replace("đ", "d").replace("Đ", "D"))
    letters = (letter for letter in flat if not unicodedata.combining(letter))
    return "".join(letter if letter in _GSM else "-" if letter in "–—·" else "?" for letter in letters)


def _by(when: str, lang: Language) -> str:
    if not when:
        return ""
    return f" trước {when}" if lang == "vi" else f" by {when}"


def _short(head: str, sentence: Sentence, words: Mapping[str, str], values: Mapping[str, Any], url: str) -> str:
    """One SMS: the code and what is due always, the link where there is room."""
    at = values.get("due_at")
    brief = f"{datetime.fromisoformat(at).astimezone(TZ):%H:%M %d/%m}" if at else ""
    if at and values.get("unit") == "day" and brief.startswith("00:00"):
        brief = f"24:00 {datetime.fromisoformat(at).astimezone(TZ) - timedelta(days=1):%d/%m}"

    def message(cut: Callable[[str], str]) -> str:
        said = sentence.short.format(**{**words, "due": cut(plain(words["due"])), "when": brief})
        return plain(head + said)

    def whole(due: str) -> str:
        return due

    for candidate in (f"{message(whole)}. {plain(url)}", message(whole)):
        if len(candidate) <= GSM_LIMIT:
            return candidate
    too_long = len(message(whole)) - GSM_LIMIT

    def shortened(due: str) -> str:
        return due[: max(0, len(due) - too_long)]

    return message(shortened)[:GSM_LIMIT]


__all__ = ["GSM_LIMIT", "KINDS", "UCS2_LIMIT", "Sentence", "Text", "link", "moment", "plain", "render", "sms_limit"]
