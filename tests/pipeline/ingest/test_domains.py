"""A blocked domain blocks what lies under it, however its address is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.domains import DomainList

BLOCKED = DomainList(["Bad.Example", "*.worse.example", ".b\u00fccher.example", "xn--p1ai"])


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://bad.example/page", "bad.example"),
        ("https://WWW.BAD.example.:8080/", "bad.example"),
        ("http://user:password@a.b.worse.example", "worse.example"),
        ("bad.example/page", "bad.example"),
        ("//bad.example", "bad.example"),
        ("https://b\u00fccher.example", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("https://пример.рф/", "xn--p1ai"),
        ("https://notbad.example", None),
        ("https://bad.example.org", None),
        ("https://good.example/?u=bad.example", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_a_domain_is_found_in_an_address(url, domain):
    assert BLOCKED.match(url) == domain


@given(st.text(max_size=40))
def test_any_address_is_looked_at_without_an_exception(url):
    BLOCKED.match(url)
    DomainList([url]).match("http://" + url)


def test_no_list_blocks_nothing():
    assert not DomainList([])
    assert DomainList([]).match("http://bad.example") is None
