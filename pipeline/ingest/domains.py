"""Domains whose pages are not wanted."""

from collections.abc import Iterable
from urllib.parse import urlsplit


class DomainList:
    """Domains, each with all that lie under it."""

    def __init__(self, domains: Iterable[str]) -> None:
        """Take domains in any case, with or without a leading `*.` or `.`, in any script."""
        self._domains = {_ascii(one.strip().removeprefix("*").strip(".")) for one in domains}

    def __bool__(self) -> bool:
        """Whether anything is listed."""
        return bool(self._domains)

    def match(self, url: str) -> str | None:
        """Name the listed domain that an address lies under, if any.

        Args:
            url: An address; without a scheme it begins with its host. It may be broken.
        """
        try:
            host = urlsplit(url if "//" in url else f"//{url}").hostname
        except ValueError:
            return None
        labels = _ascii((host or "").rstrip(".")).split(".")
        for first in range(len(labels)):
            domain = ".".join(labels[first:])
            if domain in self._domains:
                return domain
        return None


def _ascii(domain: str) -> str:
    """Write a domain as it is asked for (RFC 3492); one that cannot be is left as it is."""
    try:
        return domain.lower().encode("idna").decode()
    except UnicodeError:
        return domain.lower()
