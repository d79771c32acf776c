"""The kinds of personal data: their names, and their numbers for the kernel."""

from typing import Final

PII_NAMES: Final = {
    "private_key": "private keys",
    "api_key": "keys and tokens of services",
    "email": "e-mail addresses",
    "iban": "bank account numbers (IBAN)",
    "resident_id": "Chinese resident identity numbers",
    "card": "payment card numbers",
    "ssn": "US social security numbers",
    "ip": "IP addresses of the Internet",
    "phone": "phone numbers",
}
"""In order of precedence: where two overlap, the earlier counts."""

KINDS: Final = tuple(PII_NAMES)

(PRIVATE_KEY, API_KEY, EMAIL, IBAN, RESIDENT_ID, CARD, SSN, IP, PHONE) = range(len(KINDS))
