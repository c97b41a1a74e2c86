"""Follow-ups of leads (`addfollowup`): its path is public, its fields are not, so the options name them."""

from __future__ import annotations

from types import TracebackType

from hub.connectors.meituan.client import FOLLOW_UP_PATH, MeituanClient
from hub.connectors.meituan.options import options_of
from hub.connectors.meituan.signing import Profile
from hub.connectors.sessions import PullPorts
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.errors import ConfigError
from hub.settings import SourceSettings

NEEDED = ("external_id", "state")


class MeituanSession:
    """One telling. Use it as an async context manager; it closes its HTTP client."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        # Tried once: a follow-up is added, so one that arrived unanswered would stand there twice.
        options = options_of(source).model_copy(update={"tries": 1})
        self.ports = ports
        self._http = ports.http()
        self._client = MeituanClient(options, self._http, clock=ports.now, sleep=ports.sleep)

    async def __aenter__(self) -> MeituanSession:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def tell(self, call: FollowUpCall) -> None:
        """Send a follow-up; errors as `MeituanClient.call`."""
        token = await self.ports.tokens.access_token()
        await self._client.add_followup(call.document, token=token)


def follow_up(told: FollowUp, source: SourceSettings) -> FollowUpCall:
    """The call for a follow-up, under the names of `options.followup_fields`.

    Raises:
        ConfigError: they are not set, the state is none of `options.followup_states`, or 北极星.
    """
    options = options_of(source)
    if options.profile is not Profile.MTOP:
        raise ConfigError("a follow-up is written back with options.profile: mtop only")
    names = options.followup_fields
    if not all(names.get(one) for one in NEEDED):
        raise ConfigError(
            "what addfollowup calls its fields is not public: ask the vendor and set"
            " options.followup_fields: {external_id: …, state: …, note: …}"
        )
    states = options.followup_states
    if states and told.state not in states:
        raise ConfigError(f"state {told.state!r}: choose from {', '.join(states)}")
    values = {
        "external_id": told.external_id,
        "state": states.get(told.state, told.state),
        "note": told.note,
    }
    document = {names[one]: value for one, value in values.items() if value and one in names}
    return FollowUpCall(FOLLOW_UP_PATH, document)
