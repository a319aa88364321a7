"""``annhi link``: a set-up link for an account, made by the operator: for the first administrator, or the last one.

The account's password is void from then on and whatever is signed in ends; its second factors stay. On record as the
system's act, since whoever may run this command is no person of the service.
"""

import asyncio
from datetime import timedelta

from api.identity.tokens import new_token, token_hash
from api.queries import factors, identity
from models.clock import Clock, PlatformClock
from models.database import Who, connect, transaction
from models.records.audit import audit
from models.settings import Settings

_WHO = Who(system="operator")


async def make_link(config: Settings, username: str, clock: Clock) -> str | None:
    """A link that sets the password of an account; None where there is no such account, or it has ended.

    Args:
        config: the owner's database, the public address, and how long a link holds.
        username: whose.
        clock: domain time.
    """
    now, token = clock.now(), new_token()
    engine = connect(config.owner_database_url.get_secret_value(), pool_size=1)
    try:
        async with transaction(engine, _WHO, now) as connection:
            account = await identity.account(connection, username=username)
            if account is None or account.ended_at is not None:
                return None
            await identity.set_account(connection, person_id=account.person_id, username=username, at=now)
            await factors.add_link(
                connection, account_id=account.id, link_hash=token_hash(token), made_by=None, at=now,
                until=now + timedelta(hours=config.set_up_link_hours),
            )  # fmt: skip
            await audit(
                connection, at=now, actor=None, action="set_account", record="account", outcome="done",
                record_id=account.id,
            )  # fmt: skip
    finally:
        await engine.dispose()
    return f"{config.public_url}/set-up?link={token}"


def main(username: str) -> int:
    """Print the link; 0 where there is one, 1 where there is no such account."""
    config = Settings()
    clock = PlatformClock(timedelta(seconds=config.clock_offset_seconds))
    link = asyncio.run(make_link(config, username, clock))
    if link is None:
        print("Không có tài khoản này · there is no such account")
        return 1
    print(f"Dùng một lần, trong {config.set_up_link_hours:g} giờ · once, within {config.set_up_link_hours:g} hours:")
    print(link)
    return 0
