"""Every way the lifecycle says no: a stable code and, in both languages, what to do next.

Codes never change meaning and are never reused. Sentences hold no personal data; ``detail`` of a refusal names fields,
documents and codes.
"""

from typing import NamedTuple


class Sentence(NamedTuple):
    """A refusal in words."""

    vi: str
    en: str


REFUSALS: dict[str, Sentence] = {
    "unknown-event": Sentence(
        "Hệ thống không có thao tác này. Hãy chọn một trong các thao tác được liệt kê.",
        "There is no such action. Choose one of those listed.",
    ),
    "not-allowed-in-state": Sentence(
        "Trường hợp đang ở bước không cho phép thao tác này. Hãy tải lại và chọn một trong các thao tác được liệt kê.",
        "The case stands where this action is not possible. Reload it and choose one of the actions listed.",
    ),
    "emergency-in-force": Sentence(
        "Trẻ đang được xác định cần bảo vệ khẩn cấp. Chỉ Chủ tịch hoặc Phó Chủ tịch được giao mới có thể chấm dứt; "
        "hãy đề nghị người có thẩm quyền quyết định.",
        "The emergency is in force. Only the chair or the deputised vice-chair can stand it down; ask them to decide.",
    ),
    "not-your-role": Sentence(
        "Thao tác này thuộc thẩm quyền của vai trò khác. Hãy chuyển cho người có vai trò được nêu.",
        "This belongs to another role. Pass it to somebody who holds one of the roles named.",
    ),
    "not-your-unit": Sentence(
        "Việc này thuộc thẩm quyền của đơn vị khác: trường hợp do đơn vị đang phụ trách xử lý; trả lời việc chuyển "
        "trường hợp thuộc đơn vị được đề nghị tiếp nhận; quyết định cách ly "
        "thuộc Chủ tịch hoặc Phó Chủ tịch nơi xảy ra vụ việc hoặc nơi trẻ cư trú; nhập vào một trường hợp thuộc đơn vị "
        "đang phụ trách trường hợp đó. Hãy chuyển đến người có thẩm quyền.",
        "This belongs to another unit: a case is in the hands of the unit that has it, isolation is ordered by the "
        "chair or vice-chair of the place of incident or of residence, and a case is attached by the unit that has the "
        "other case. Turn to them.",
    ),
    "recused": Sentence(
        "Người này không được tham gia giải quyết trường hợp vì xung đột lợi ích. "
        "Hãy để người được phân công thay thế thực hiện.",
        "This person is recused from the case. Let whoever was named in their place do it.",
    ),
    "too-early": Sentence(
        "Thời điểm ghi là trước khi tiếp nhận thông tin. Hãy kiểm tra lại ngày giờ thực hiện.",
        "The time given is before the report was received. Check when it happened.",
    ),
    "in-the-future": Sentence(
        "Thời điểm ghi muộn hơn hiện tại. Hãy ghi lại sau khi việc đã diễn ra.",
        "The time given has not come yet. Record the act once it has happened.",
    ),
    "means-missing": Sentence(
        "Khi ghi thay người khác, hãy nêu hình thức nhận: điện thoại, văn bản hoặc trực tiếp.",
        "Recording for somebody else, say how you were told: by phone, on paper or in person.",
    ),
    "approver-is-author": Sentence(
        "Người lập đề nghị không được tự phê duyệt hoặc tự ghi nhận việc phê duyệt. "
        "Hãy chuyển cho người có thẩm quyền khác.",
        "Whoever made the proposal cannot approve it, nor record its approval. Pass it to another who has that power.",
    ),
    "reason-missing": Sentence("Hãy ghi rõ lý do.", "Give the reason."),
    "field-missing": Sentence(
        "Còn thiếu nội dung bắt buộc. Hãy điền mục được nêu rồi gửi lại.",
        "Something required is missing. Fill in the field named and send it again.",
    ),
    "document-missing": Sentence(
        "Còn thiếu tài liệu bắt buộc. Hãy đính kèm tài liệu được nêu rồi gửi lại.",
        "A required document is missing. Add the one named and send it again.",
    ),
    "value-not-allowed": Sentence(
        "Giá trị không hợp lệ cho thao tác này. Hãy chọn một giá trị trong danh mục của mục được nêu.",
        "The value is not one this action takes. Choose one from the list of the field named.",
    ),
    "decision-missing": Sentence(
        "Quyết định phải có số, ngày và người ký. Hãy bổ sung, hoặc ghi là quyết định bằng lời nếu chưa ký.",
        "A decision carries number, date and signer. Add them, or record it as a spoken order if it is not signed yet.",
    ),
    "trigger-missing": Sentence(
        "Hãy chọn căn cứ bảo vệ khẩn cấp: tính mạng, sức khỏe, nhân phẩm, hoặc người chăm sóc là người gây hại.",
        "Choose why it is an emergency: life, health, dignity, or the carer is the person causing harm.",
    ),
    "emergency-undecided": Sentence(
        "Chưa có quyết định về bảo vệ khẩn cấp trong 12 giờ. "
        "Hãy áp dụng biện pháp, hoặc kết luận không khẩn cấp, trước.",
        "The 12-hour emergency decision is still open. Apply measures or rule the emergency out first.",
    ),
    "not-the-same-child": Sentence(
        "Cần một người xác nhận hai trường hợp là cùng một trẻ, và trường hợp kia phải là trường hợp khác. "
        "Hãy đối chiếu và xác nhận.",
        "A person must confirm that both cases are of the same child, and the other case must be another. Compare them "
        "and confirm.",
    ),
    "risk-unchanged": Sentence(
        "Mức nguy cơ không thay đổi. Hãy chọn mức khác, hoặc ghi lần thăm nếu chỉ cập nhật tình hình.",
        "The risk level is the same. Choose another, or record a follow-up if only the situation is new.",
    ),
    "risk-too-high": Sentence(
        "Không thể đóng trường hợp khi nguy cơ ở mức R4. Hãy đánh giá lại nguy cơ trước.",
        "A case at risk R4 cannot be closed. Assess the risk again first.",
    ),
    "protection-in-force": Sentence(
        "Biện pháp bảo vệ còn hiệu lực. Hãy chấm dứt biện pháp bảo vệ trước khi kết thúc.",
        "Protection is in force. End it before the case can end.",
    ),
    "ban-in-force": Sentence(
        "Lệnh hoặc đề nghị cấm tiếp xúc chưa kết thúc. Hãy giải quyết trước khi kết thúc trường hợp.",
        "A contact ban is requested or in force. Settle it before the case can end.",
    ),
    "custody-not-held": Sentence(
        "Trường hợp đang chờ chuyển giao hoặc chưa có đơn vị phụ trách. Hãy hoàn tất việc đó trước.",
        "The case is being transferred or not yet routed. Settle that first.",
    ),
    "task-not-open": Sentence(
        "Công việc này không có hoặc đã kết thúc. Hãy tải lại danh sách công việc.",
        "There is no such task, or it has ended. Reload the list of tasks.",
    ),
    "conference-not-open": Sentence(
        "Cuộc họp này không có hoặc đã có biên bản. Hãy tải lại trường hợp.",
        "There is no such conference, or its minutes are on record. Reload the case.",
    ),
    "flag-not-open": Sentence(
        "Lưu ý này không có hoặc đã được bỏ. Hãy tải lại trường hợp.",
        "There is no such flag, or it was lowered. Reload the case.",
    ),
    "assignee-not-serving": Sentence(
        "Người được giao việc không thuộc đơn vị phụ trách trường hợp, hoặc phải từ chối tham gia. Hãy chọn người khác "
        "của đơn vị phụ trách; việc của cơ quan khác thì lập chuyển gửi.",
        "Whoever is given the task is not of the unit that holds the case, or must keep out of it. Choose somebody "
        "else of that unit; an agency is asked by a referral.",
    ),
    "due-in-the-past": Sentence(
        "Ngày đặt ra đã qua. Hãy chọn hôm nay hoặc một ngày sau đó.",
        "The day lies in the past. Choose today or a later day.",
    ),
    "transfer-not-possible": Sentence(
        "Trường hợp chưa có đơn vị phụ trách hoặc đang chờ đơn vị khác tiếp nhận nên chưa thể đề nghị chuyển. Hãy lưu "
        "Mẫu 02 mà không chọn đề nghị chuyển.",
        "The case has no unit yet, or waits for another one to take it, so no transfer can be proposed. Save Form 02 "
        "without proposing one.",
    ),
    "transfer-unit-not-allowed": Sentence(
        "Không thể chuyển trường hợp đến đơn vị này: phải là xã, phường, đặc khu đang hoạt động và không phải đơn vị "
        "đang phụ trách. Hãy chọn đơn vị khác.",
        "The case cannot go to this unit: it has to be a commune in force, and not the one that holds the case. "
        "Choose another.",
    ),
    "transfer-within-province": Sentence(
        "Hai đơn vị thuộc cùng một tỉnh, thành phố: việc phân công thuộc Sở Y tế. Hãy chuyển đến Sở Y tế.",
        "Both units are in one province: its department of health assigns the case. Pass it to them.",
    ),
    "no-transfer-request": Sentence(
        "Không có đề nghị nhận trường hợp nào đang chờ trả lời. Hãy tải lại trường hợp.",
        "No request for a transfer is waiting for an answer. Reload the case.",
    ),
    "transfer-already-requested": Sentence(
        "Đã có đề nghị nhận trường hợp đang chờ đơn vị phụ trách trả lời. Hãy chờ kết quả trả lời đó.",
        "A request for a transfer is waiting for the answer of the unit that holds the case. Wait for that answer.",
    ),
    "referral-live": Sentence(
        "Còn chuyển gửi dịch vụ chưa kết thúc. Hãy kết thúc chuyển gửi, hoặc ghi nhận ngoại lệ do người có thẩm quyền "
        "thứ hai phê duyệt nếu được phép.",
        "A referral is still live. Bring it to its end, or record an exception by a second approver where allowed.",
    ),
    "emergency-referral-live": Sentence(
        "Còn chuyển gửi công an hoặc dịch vụ khẩn cấp chưa kết thúc; không có ngoại lệ. Hãy kết thúc chuyển gửi trước.",
        "A police or emergency referral is still live; there is no exception to that. Bring it to its end first.",
    ),
    "proceeding-live": Sentence(
        "Còn thủ tục tố tụng chưa kết thúc. Hãy ghi nhận khi kết thúc, hoặc ghi ngoại lệ do người có thẩm quyền "
        "thứ hai phê duyệt; tố tụng hình sự không có ngoại lệ.",
        "A proceeding is still live. Record its end, or an exception approved by a second approver; a criminal "
        "proceeding has none.",
    ),
    "exception-not-valid": Sentence(
        "Ngoại lệ phải do người thứ hai phê duyệt: người còn lại trong Chủ tịch và Phó Chủ tịch, nếu không có thì Sở. "
        "Hãy đề nghị người đó.",
        "An exception needs a second approver: the other of chair and vice-chair, else the department. Ask them.",
    ),
    "destination-receipt-missing": Sentence(
        "Nơi nhận chưa xác nhận đã tiếp nhận. Hãy ghi xác nhận của nơi nhận trước.",
        "The destination has not confirmed receipt. Record its receipt first.",
    ),
    "content-changed": Sentence(
        "Nội dung đã khác với bản được trình. Hãy mở lại bản trình hiện tại, đọc và phê duyệt bản đó.",
        "The content is not what was submitted. Open the submitted version, read it and approve that one.",
    ),
    "isolation-too-long": Sentence(
        "Tổng thời gian cách ly vượt 15 ngày. Hãy rút ngắn, hoặc ghi căn cứ của cơ quan có thẩm quyền.",
        "The isolation would exceed 15 days in all. Shorten it, or record the competent body's ground.",
    ),
    "ban-too-long": Sentence(
        "Mỗi lần cấm tiếp xúc không quá 3 ngày. Hãy rút ngắn và gia hạn khi cần.",
        "A contact ban lasts at most 3 days each time. Shorten it and renew it when needed.",
    ),
    "clock-not-pausable": Sentence(
        "Chỉ một số thời hạn do quy trình đặt ra (○) được tạm dừng, không phải thời hạn theo luật, theo kế hoạch địa "
        "phương, hay thời hạn bảo đảm trẻ được xem xét ngay. Hãy chọn một thời hạn khác có dấu ○.",
        "Only some design deadlines (○) can be paused, not those of the law or of a local plan, nor those that see to "
        "it that the child is looked at soon. Choose another one marked ○.",
    ),
    "clock-overdue": Sentence(
        "Thời hạn này đã qua nên không thể tạm dừng. Hãy thực hiện ngay việc còn thiếu và ghi nhận.",
        "This deadline has passed and cannot be paused any more. Do what is due and record it.",
    ),
    "pause-too-long": Sentence(
        "Một thời hạn được tạm dừng tối đa 3 ngày làm việc. Hãy rút ngắn.",
        "A deadline can be paused for at most 3 working days. Shorten the pause.",
    ),
    "owner-recused": Sentence(
        "Người được chỉ định không được tham gia trường hợp này. Hãy chỉ định người khác.",
        "The person named is recused from this case. Name somebody else.",
    ),
    "owner-not-serving": Sentence(
        "Người được chọn không giữ vị trí cán bộ bảo vệ trẻ em hoặc trưởng phòng tại đơn vị của trường hợp. "
        "Hãy chọn người đang công tác tại đơn vị đó.",
        "The person named is neither protection officer nor head of office where the case is. Name somebody who is.",
    ),
    "person-unknown": Sentence(
        "Không tìm thấy người này, hoặc người này hiện không giữ vị trí nào. Hãy kiểm tra và chọn lại.",
        "There is no such person, or they hold no position now. Check and name somebody else.",
    ),
    "no-conflict-on-record": Sentence(
        "Không có xung đột lợi ích nào của người này đang chờ xem xét. Hãy tải lại danh sách.",
        "No possible conflict of this person waits for a decision. Reload the list.",
    ),
    "judge-not-outside": Sentence(
        "Người này giữ chức vụ cao hơn người xem xét. Hãy chuyển Sở Y tế quyết định.",
        "This person stands above whoever would decide. Pass it to the provincial department of health.",
    ),
    "no-recusal-on-record": Sentence(
        "Chỉ cử người quyết định thay khi Chủ tịch, Phó Chủ tịch hoặc trưởng phòng đã được ghi nhận "
        "phải từ chối tham gia. "
        "Hãy ghi nhận việc đó trước.",
        "A decider is named only once the chair, vice-chair or head of office is recused. Record the recusal first.",
    ),
    "delegate-in-place": Sentence(
        "Đã có đủ người quyết định thay cho trường hợp này. Hãy làm việc với người đã được cử.",
        "The case has its delegate already. Work with the person named.",
    ),
    "reviewer-is-involved": Sentence(
        "Người đã phụ trách trường hợp, đề nghị hoặc phê duyệt việc đóng thì không được tự xem xét. "
        "Hãy chuyển cho cán bộ khác của Sở Y tế.",
        "Whoever owned the case, or proposed or approved its closure, does not review it. "
        "Pass it to another officer of the department.",
    ),
    "no-death-review-open": Sentence(
        "Trường hợp không có yêu cầu xem xét nào đang chờ: chưa có đề nghị đóng vì trẻ tử vong, "
        "hoặc kết quả xem xét đã được ghi. Hãy tải lại trường hợp.",
        "No such review is waiting: no closure for the child's death was proposed, or its result is on record. "
        "Reload the case.",
    ),
    "prosecution-not-refused": Sentence(
        "Chưa có quyết định không khởi tố của cơ quan điều tra trong hồ sơ, nên chưa có gì để khiếu nại, kiến nghị. "
        "Hãy ghi kết quả của chuyển gửi đến công an trước.",
        "No decision of the police not to prosecute is on record, so there is nothing to complain of yet. "
        "Record the outcome of the referral to the police first.",
    ),
}  # fmt: skip
"""Sentences by refusal code."""
