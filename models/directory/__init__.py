"""The directory of services: what a provider gives, where, when and for how many, and who is asked first. Pure."""

from models.directory.hours import DAYS, Hours, HoursError, Window
from models.directory.ranking import Offer, rank
from models.directory.services import CONTACT_KINDS, GIVEN_BY, PROVIDER_KINDS, ROLE_OF, SERVICES, ContactKind, gives

__all__ = [
    "CONTACT_KINDS",
    "DAYS",
    "GIVEN_BY",
    "PROVIDER_KINDS",
    "ROLE_OF",
    "SERVICES",
    "ContactKind",
    "Hours",
    "HoursError",
    "Offer",
    "Window",
    "gives",
    "rank",
]
