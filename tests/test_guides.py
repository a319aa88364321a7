"""What the guides tell a reader to write is accepted as written."""

import re
import tomllib
from pathlib import Path

import pytest

from models.protocol import OverrideError, load_overrides, load_protocols
from models.protocol.overrides import parse_overrides

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "protocol.md"


def example() -> str:
    (found,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_the_override_in_the_guide_loads(tmp_path):
    (tmp_path / "xa.toml").write_text(example(), encoding="utf-8")
    (override,) = load_overrides(tmp_path, load_protocols().versions[-1]).items
    assert (override.unit, override.deadline, str(override.limit)) == ("HN-A", "emergency_12h", "8 H")


def test_the_same_override_made_longer_than_the_law_is_refused():
    longer = tomllib.loads(example().replace('limit = "8 H"', 'limit = "13 H"'))
    with pytest.raises(OverrideError, match="longer"):
        parse_overrides(longer, load_protocols().versions[-1])
