"""What becomes of a referral when what it was sent with is taken back: consent withdrawn, refused since, or run out.

Consent is recorded at the door, a referral is moved by the worker: whenever a referral's workflow reads it, and with
every sweep, the record is asked whether it still allows what is going on. So nothing is lost between the two.
Stopping on withdrawal, unless the law says otherwise: process.md §4.2 (Luật 91/2025/QH15 Điều 24).
"""

from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy import Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import work_on
from models.lifecycle.referral import LIVE, SERVICES, Decision, advance
from models.records.acts import Act
from models.records.content import Said
from models.records.deadlines import load_clocks
from models.records.following import Scene, follow
from models.records.referrals import ReferralMatter, ReferralRow, carry_out, facts_of

# Only where something was taken back since it was sent is the whole record read, which has to be decrypted for it.
_TAKEN_BACK = text(
    """
    SELECT EXISTS (
        SELECT FROM consent c
         WHERE c.case_id = ANY(:cases) AND c.scope IN ('SHARING', 'SERVICE')
           AND (c.services = '[]'::jsonb OR c.services ? :need)
           AND (c.withdrawn_at > :since OR (c.expires_at > :since AND c.expires_at <= :at)
                OR (c.answer = 'refused' AND c.recorded_at > :since)))
    """
).bindparams(bindparam("cases", type_=ARRAY(Uuid)), bindparam("need", type_=Text()))


async def follow_consent(connection: AsyncConnection, scene: Scene, referral: ReferralRow) -> ReferralRow:
    """Let a referral lose what it was sent with, or have it again, if the record says so.

    Without it the agency sees the minimum only and is sent nothing more, until the sender revokes the referral, or
    the head of office records a ground. An emergency service goes on meanwhile, and its ground is asked for.

    Args:
        connection: a transaction of the worker that holds the case's lock.
        scene: the case, the people around it, and when.
        referral: its row.

    Returns:
        Its row from now on.
    """
    if referral.state not in LIVE or referral.sent_at is None:
        return referral
    cases = [scene.case.id, *map(UUID, referral.came_through)]
    if referral.consent_lost_at is None and not await _was_taken_back(connection, scene, referral, cases):
        return referral
    event = "lose_consent" if referral.consent_lost_at is None else "regain_consent"
    act = Act(event, uuid5(referral.id, f"{event}/{referral.sequence}"), None, Said([]), scene.at, scene.at)
    clocks = await load_clocks(connection, scene.case.id, referral.id)
    matter = ReferralMatter(scene.case, referral, referral.id, act, scene.around, clocks)
    facts = await facts_of(connection, matter)
    decision = advance(referral.standing, event, facts)
    if not isinstance(decision, Decision):
        return referral
    outcome = await carry_out(connection, scene.reference, matter, decision, facts)
    await follow(connection, scene, outcome.referral, event, act.command_id)
    return outcome.referral


async def _was_taken_back(
    connection: AsyncConnection, scene: Scene, referral: ReferralRow, cases: Sequence[UUID]
) -> bool:
    await work_on(connection, cases)
    asked = {
        "cases": list(cases), "need": SERVICES[referral.service].need, "since": referral.sent_at, "at": scene.at,
    }  # fmt: skip
    return bool((await connection.execute(_TAKEN_BACK, asked)).scalar_one())
