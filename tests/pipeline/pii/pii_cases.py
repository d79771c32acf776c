"""Texts labelled with the personal data in them: real formats, invented or documented values.

Check digits are right, persons are not. Keys are put together here so that no scanner of sources
takes this file for a leak.
"""

import string

ALNUM = string.ascii_letters + string.digits


def _key(prefix: str, length: int, alphabet: str = ALNUM) -> str:
    """Make a key that looks random and is the same every time."""
    return prefix + "".join(
        alphabet[(7 * n * n + 13 * n + 5) % len(alphabet)] for n in range(length)
    )


def _armoured(label: str) -> str:
    rows = "\n".join(_key("MII", 61) for _ in range(4))
    dashes = "-" * 5
    return f"{dashes}BEGIN {label}{dashes}\n{rows}\n{dashes}END {label}{dashes}"


_EMAILS = [
    ("Write to jane.doe@example-mail.org today.", "jane.doe@example-mail.org"),
    ("Contact: <bob+news@mail.example.co.uk>", "bob+news@mail.example.co.uk"),
    ("邮箱zhang_wei88@163.com，谢谢", "zhang_wei88@163.com"),
    ("mailto:a.b-c@sub.domain.example.com?subject=x", "a.b-c@sub.domain.example.com"),
    ("J.SMITH@UNIVERSITY.EDU", "J.SMITH@UNIVERSITY.EDU"),
    ("(info@firma.de)", "info@firma.de"),
    ("联系人：李雷 lilei@qq.com。", "lilei@qq.com"),
    ("x@y.museum, and", "x@y.museum"),
    ("user%host@relay.example.net", "user%host@relay.example.net"),
    ("my address is o_connor@gmail.com.", "o_connor@gmail.com"),
]  # fmt: skip
_PHONES = [
    ("Call +44 20 7946 0958 now", "+44 20 7946 0958"),
    ("Tel.: +49 (30) 901820", "+49 (30) 901820"),
    ("+14155552671", "+14155552671"),
    ("phone (212) 555-0142, ask for Ann", "(212) 555-0142"),
    ("212-555-0142", "212-555-0142"),
    ("fax 415.555.0198 only", "415.555.0198"),
    ("手机：13812345678", "13812345678"),
    ("电话138-1234-5678", "138-1234-5678"),
    ("微信同号 186 1234 5678。", "186 1234 5678"),
    ("+86 139 1234 5678", "+86 139 1234 5678"),
    ("座机 010-62345678", "010-62345678"),
    ("办公室0755-8234567", "0755-8234567"),
    ("+33 1 42 68 53 00", "+33 1 42 68 53 00"),
]
_ADDRESSES = [
    ("The host 203.0.112.45 answered", "203.0.112.45"),
    ("from 81.2.69.142:443", "81.2.69.142"),
    ("登录IP：114.114.115.119", "114.114.115.119"),
    ("[93.184.216.34]", "93.184.216.34"),
    ("2a00:1450:4001:81b::200e is up", "2a00:1450:4001:81b::200e"),
    ("via 2606:2800:220:1:248:1893:25c8:1946.", "2606:2800:220:1:248:1893:25c8:1946"),
]
_CARDS = [
    ("Visa 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("card=no; 5500005555555559", "5500005555555559"),
    ("amex 3782 822463 10005.", "3782 822463 10005"),
    ("6011-1111-1111-1117", "6011-1111-1111-1117"),
    ("JCB 3530111333300000", "3530111333300000"),
    ("卡号6222021234567894", "6222021234567894"),
    ("2223003122003222", "2223003122003222"),
    ("Diners 30569309025904", "30569309025904"),
]
_IBANS = [
    ("IBAN GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    ("DE89370400440532013000", "DE89370400440532013000"),
    ("FR14 2004 1010 0505 0001 3M02 606.", "FR14 2004 1010 0505 0001 3M02 606"),
    ("Konto: AT611904300234573201", "AT611904300234573201"),
    ("NL91 ABNA 0417 1643 00 Bank", "NL91 ABNA 0417 1643 00"),
    ("CH9300762011623852957", "CH9300762011623852957"),
]
_SSNS = [
    ("SSN: 536-22-8714", "536-22-8714"),
    ("his number 219-46-0932 leaked", "219-46-0932"),
    ("(001-01-0001)", "001-01-0001"),
]
_RESIDENTS = [
    ("身份证号11010519491231002X", "11010519491231002X"),
    ("身份证：440524188001010014。", "440524188001010014"),
    ("ID 11010519491231002x", "11010519491231002x"),
]
_KEYS = [
    _key("sk" + "-", 48),
    _key("sk" + "-proj-", 60),
    _key("ghp" + "_", 36),
    _key("github" + "_pat_", 60),
    _key("glpat" + "-", 20),
    _key("AK" + "IA", 16, string.ascii_uppercase + string.digits),
    _key("AI" + "za", 35),
    _key("xoxb" + "-", 40, string.digits),
    _key("sk" + "_live_", 24),
    _key("hf" + "_", 34),
    _key("npm" + "_", 36),
    f"{_key('ey' + 'J', 30)}.{_key('ey' + 'J', 60)}.{_key('', 43)}",
]
_PRIVATE = [
    _armoured(f"{label}PRIVATE KEY{end}")
    for label, end in (("RSA ", ""), ("", ""), ("EC ", ""), ("OPENSSH ", ""), ("PGP ", " BLOCK"))
]

POSITIVES: list[tuple[str, str, str]] = [
    *(("email", text, value) for text, value in _EMAILS),
    *(("phone", text, value) for text, value in _PHONES),
    *(("ip", text, value) for text, value in _ADDRESSES),
    *(("card", text, value) for text, value in _CARDS),
    *(("iban", text, value) for text, value in _IBANS),
    *(("ssn", text, value) for text, value in _SSNS),
    *(("resident_id", text, value) for text, value in _RESIDENTS),
    *(("api_key", f"export TOKEN={key} # mine", key) for key in _KEYS),
    *(("private_key", f"keep this:\n{key}\nsafe", key) for key in _PRIVATE),
]
"""Kind, text, and the one value of that kind in it."""

NEGATIVES: list[str] = [
    "version 1.2.3.4", "v10.15.7.2 of the program", "Python 3.11.9", "release 8.40.12.7", "see 2.1.3.4",
    "版本 12.0.3.11", "127.0.0.1", "192.168.1.254", "10.0.0.17/8", "172.16.254.1", "::1", "fe80::1",
    "255.255.255.0", "999.300.12.44", "OID 1.3.6.1.4.1.311.21.8", "203.0.112.45.3.9", "12:30:45",
    "2001:db8::1", "std::vector::size", "ab::cd", "Genesis 1:2:3:4",
    "ISBN 978-3-16-148410-0", "ISBN 9783161484100", "ISBN 0-306-40615-2", "ISSN 2049-3630",
    "2024-01-31", "31.12.1999", "2024-01-31 12:30:45", "1990-1995", "pp. 1234-1245", "1,234,567,890",
    "3.14159265358979323846", "0.4111111111111111", "100 000 000 000 000", "12 345 678 901",
    "order 13812345678", "订单号：13912345678", "单号 15012345678901", "invoice 212-555-0142",
    "tracking number 4111111111111112", "编号18612345678", "serial 12345678901", "12345678901",
    "UPC 036000291452", "4111111111111112", "4111 1111 1111 1112", "1234 5678 9012 3456",
    "0000 0000 0000 0000", "1700000000", "1700000000000", "timestamp 1638316800000",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "d41d8cd98f00b204e9800998ecf8427e", "550e8400-e29b-41d4-a716-446655440000", "00:1B:44:11:3A:B7",
    "GB82 WEST 1234 5698 7654 33", "DE00370400440532013000", "AB12 CDEF 3456 GHIJ", "US49 0000 1111 2222",
    "MODEL XC90 2024 EDITION", "000-12-3456", "666-12-3456", "912-34-5678", "123-00-4567", "123-45-0000",
    "part 123-45-6789", "12-123-45-6789-1", "11010519491231002Y", "110105194912310021",
    "99010519491231002X", "11010519491331002X", "123456789012345678",
    "image@2x.png", "logo@3x.webp", "pip install package@1.2.3", "react@18.2.0", "@user", "user@localhost",
    "git@github.com:owner/name.git", "@someone@social.example.org", "a @ b . com", "foo@", "@media screen",
    "the price @ 3.50", "sk-learn is a library", "sk-SK is a locale", "risk-free-and-easy-to-understand-x",
    "AKIA is a prefix", "ghp_short", "hf_hub_download(repo)", "npm_config_registry", "eyJ.eyJ.x",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "-----",
    "+1 for this", "C++11", "1+1=2", "2+12345", "+5 points", "555-0142", "911", "scores 212-198", "10-4",
    "2125550142", "room 010-6234", "1912-1913-1914", "+/- 12345678", "x = +123", "Psalm 119:105", "1024x768",
    "192.0.2.1", "20240131123045", "GPL-3.0-or-later", "RFC 2119", "1.000.000.000", "12.34.56.78.90",
    "Sunday, 4 Jan 2004::", "2002::/16", "2001:db00::0/24", "224.0.0.251", "ff02::fb", "81.2.69.0/24",
    "1080::8:800:200C:417A", "5.10.2.1. Recompiling", "49.6.4.16. Streams", "144 233 377 610 987 1597",
    "3.1415926+2.7182818", "'+3.140000; -3.140000'", "git-maintenance@daily.timer", "2001:db00::0/ffff:ff00::",
    "p = 1.2e-10", "1e10", "0x7fffffffffffffff", "4-4-4-4", "2023 2024 2025 2026", "1111 1111 1111 1111",
]  # fmt: skip
"""Texts without any."""
