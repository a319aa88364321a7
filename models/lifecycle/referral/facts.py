"""Everything a guard may ask about an act on a referral, gathered by the caller into ONE frozen object.

Ids, codes and instants only, as for a case: the facts hold nothing about a child.
"""

from pydantic import AwareDatetime

from models.lifecycle.facts import Actor, Fact, Means

TYPED_NEEDS = frozenset({"service", "receiver", "decline_reason", "outcome", "order_awaited"})
"""Needs of ``EventSpec.needs`` that are a field of :class:`Facts`; every other need is a name in ``Facts.given``."""


class ConsentFact(Fact):
    """What the record says of consent to this service and to passing on what it needs (``models.access.consent``).

    Attributes:
        allowed: somebody agreed, or a ground is recorded, and no refusal stands against it alone.
        overrides_refusal: a ground stands against somebody's refusal.
        decided_by: person ids of the heads of office whose word such a ground has.
    """

    allowed: bool = False
    overrides_refusal: bool = False
    decided_by: frozenset[str] = frozenset()


class Facts(Fact):
    """The one object the lifecycle of a referral is asked with.

    Attributes:
        actor: whose act it is. Recorded on behalf of an agency that has nobody in the system: its role at its unit,
            with no person.
        recorded_by: who typed it in, if not the actor; then ``means`` says how they were told.
        in_reach: the actor stands where the case is worked on: CPO and SUP of the office that holds it, or who may act
            in their place; for a receiver's emergency send, wherever they may act on the case.
        at_agency: the actor's unit is the one the referral was sent to.
        recorder_placed: whoever typed it in for the actor stands where the case is worked on, or at the agency.
        is_sender: the actor, or their office, sent it.
        recused: person ids recused from the case.
        earliest: the instant before which this act cannot have happened: when the referral was asked for, or at first
            the case's receipt.
        occurred_at: when it happened.
        recorded_at: domain time at which the service took the act in.
        given: names of the content's fields that were filled in.
        service: the service asked for.
        receiver: id of the unit it goes to.
        receiver_provides: that unit has somebody in a role that provides the service, or is registered for it.
        case_at_work: the case is at work: no service is asked for on one that has ended.
        consent: see :class:`ConsentFact`.
        consent_lost: what it was sent with was taken back, and nothing else carries it.
        authors: person ids of who asked for and sent the referral this one goes on for, at ``reroute``.
        decline_reason: code of ``rules.DECLINE_REASONS``.
        outcome: code of ``rules.OUTCOMES`` or, of the police, ``rules.POLICE_OUTCOMES``.
        order_awaited: code of ``rules.ORDERS``.
    """

    actor: Actor
    recorded_by: Actor | None = None
    means: Means | None = None
    in_reach: bool = True
    at_agency: bool = True
    recorder_placed: bool = True
    is_sender: bool = False
    recused: frozenset[str] = frozenset()
    earliest: AwareDatetime
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    given: frozenset[str] = frozenset()
    service: str | None = None
    receiver: str | None = None
    receiver_provides: bool = True
    case_at_work: bool = True
    consent: ConsentFact = ConsentFact()
    consent_lost: bool = False
    authors: frozenset[str] = frozenset()
    decline_reason: str | None = None
    outcome: str | None = None
    order_awaited: str | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Person ids of who acts and who typed it in; an agency without people in the system has none."""
        people = (self.actor.person, "" if self.recorded_by is None else self.recorded_by.person)
        return tuple(person for person in people if person)
