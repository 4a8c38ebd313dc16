"""Which door of the nodes to knock at, and with which certificate: voters' or officers'."""

import random
from collections.abc import Mapping

import grpc

from quorate_client.calls import Route
from quorate_client.channels import Channels
from quorate_client.credentials import credentials
from quorate_client.errors import LocalError
from quorate_client.failover import Memory
from quorate_client.profile import OfficerRole, Profile


class Routes:
    """The routes to one cluster, each made when it is first needed."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._clients: Route | None = None
        self._officers: dict[OfficerRole, Route] = {}

    def clients(self) -> Route:
        """Return the route for everyone: server certificates only, or plaintext in lab mode."""
        if self._clients is None:
            tls = None if self._profile.lab else credentials(self._profile, None)
            endpoints = {node.name: node.client for node in self._profile.nodes}
            self._clients = _route(endpoints, tls)
        return self._clients

    def officers(self, *roles: OfficerRole) -> Route:
        """Return the route for the first of `roles` whose certificate this profile has.

        In lab mode anyone is an officer, at the clients' door. LocalError without a certificate.
        """
        if self._profile.lab:
            return self.clients()
        for role in roles:
            if officer := self._profile.officers.get(role):
                if role not in self._officers:
                    endpoints = {n.name: n.officer for n in self._profile.nodes if n.officer}
                    if not endpoints:
                        raise LocalError("the profile names no officers' endpoints")
                    tls = credentials(self._profile, officer)
                    self._officers[role] = _route(endpoints, tls)
                return self._officers[role]
        raise LocalError(
            f"this is the {roles[0]}'s business; use a --cluster folder with that certificate"
        )

    async def close(self) -> None:
        """Close every channel."""
        for route in (self._clients, *self._officers.values()):
            if route is not None:
                await route.channels.close()


def _route(endpoint_of: Mapping[str, str], tls: grpc.ChannelCredentials | None) -> Route:
    endpoints = list(endpoint_of.values())
    random.shuffle(endpoints)  # so that not everyone begins with the first node
    return Route(Memory(endpoints), Channels(tls), endpoint_of)
