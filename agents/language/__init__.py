"""Language servers of the operator: what they say of the tree an agent works in."""

from .servers import Servers, servers_for

__all__ = ["Servers", "servers_for"]
