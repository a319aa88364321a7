"""Every way the lifecycle of a referral says no beyond those of a case (``models.lifecycle.refusals``)."""

from models.lifecycle.refusals import Sentence

REFUSALS: dict[str, Sentence] = {
    "referral-not-allowed-in-state": Sentence(
        "Chuyển gửi đang ở bước không cho phép thao tác này. Hãy tải lại và chọn một trong các thao tác được liệt kê.",
        "The referral stands where this action is not possible. Reload it and choose one of the actions listed.",
    ),
    "not-for-this-service": Sentence(
        "Thao tác này không dùng cho dịch vụ của chuyển gửi. Hãy chọn một trong các thao tác được liệt kê.",
        "This action is not one of this service. Choose one of the actions listed.",
    ),
    "case-not-at-work": Sentence(
        "Trường hợp đã kết thúc hoặc đã nhập vào trường hợp khác nên không thể đề nghị dịch vụ. "
        "Hãy mở lại trường hợp, hoặc đề nghị tại trường hợp đang xử lý.",
        "The case has ended or is attached to another, so no service can be asked for. "
        "Reopen it, or ask on the case that is at work.",
    ),
    "receiver-does-not-provide": Sentence(
        "Đơn vị được chọn không cung cấp dịch vụ này. Hãy chọn đơn vị khác có chức năng cung cấp.",
        "The unit named does not provide this service. Choose one that does.",
    ),
    "consent-missing": Sentence(
        "Chưa có sự đồng ý và chưa ghi căn cứ chuyển gửi khi không có đồng ý. Hãy ghi một trong hai trước khi gửi.",
        "There is neither consent nor a recorded ground for going without it. Record one of them before sending.",
    ),
    "consent-stands": Sentence(
        "Chuyển gửi vẫn còn sự đồng ý hoặc căn cứ. Hãy ghi việc rút lại sự đồng ý trước.",
        "The referral still has consent or a ground. Record first that it was taken back.",
    ),
    "consent-lost": Sentence(
        "Sự đồng ý đã được rút lại nên không gửi thêm thông tin cho nơi nhận. Hãy thu hồi chuyển gửi, "
        "hoặc đề nghị trưởng phòng ghi căn cứ.",
        "The consent was taken back, so the agency is sent nothing more. Revoke the referral, or ask the head of "
        "office to record a ground.",
    ),
    "ground-needs-supervisor": Sentence(
        "Căn cứ chuyển gửi trái với lời từ chối phải do trưởng phòng, không phải người lập chuyển gửi, quyết định. "
        "Hãy đề nghị trưởng phòng ghi căn cứ.",
        "A ground against a refusal needs the word of the head of office, who is not the author of the referral. "
        "Ask them to record it.",
    ),
    "extended-twice": Sentence(
        "Thời hạn giải quyết chỉ được gia hạn hai lần. Hãy ghi nhận quyết định giải quyết tin báo.",
        "The time for the decision can be extended twice only. Record the decision.",
    ),
    "never-expires": Sentence(
        "Chuyển gửi đến công an và dịch vụ khẩn cấp không tự hết hạn. Hãy liên hệ nơi nhận hoặc nơi khác.",
        "A referral to the police or an emergency service never expires. Get in touch with the unit, or another.",
    ),
    "expires-instead": Sentence(
        "Chuyển gửi này hết hạn rồi mới chuyển nơi khác. Hãy chờ hết hạn, hoặc thu hồi và gửi nơi khác.",
        "This referral expires before another unit is asked. Wait for that, or revoke it and send another.",
    ),
}
"""Sentences by refusal code."""
