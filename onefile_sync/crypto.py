"""Encrypts the secrets that we store in the database, with Django's own key rotation.

The key is derived from ``SECRET_KEY``; values encrypted with a key of ``SECRET_KEY_FALLBACKS`` stay readable. We do
not use an encrypted model field from a package, as those return the cipher text if no key fits. It would then be sent
to OneFile as a token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from .secret import Secret


class Undecipherable(Exception):
    """No key decrypts a stored secret: ``SECRET_KEY`` was changed without ``SECRET_KEY_FALLBACKS``."""


def _key(secret: str | bytes) -> bytes:
    secret = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(b"onefile_sync secrets at rest", secret, hashlib.sha256).digest()


def _fernets() -> list[Fernet]:
    """One for each key, the current key first."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [Fernet(base64.urlsafe_b64encode(_key(secret))) for secret in secrets]


def _fernet() -> MultiFernet:
    return MultiFernet(_fernets())


@sensitive_variables()
def encrypt(clear: str) -> str:
    """Encrypt a secret for the database; ``""`` stays ``""``."""
    if not clear:
        return ""
    try:
        return _fernet().encrypt(clear.encode()).decode()
    except Exception as error:  # noqa: BLE001 - re-raised without its traceback
        # Its frames hold the secret as bytes, which a traceback with local variables would show.
        raise error.with_traceback(None) from None


@sensitive_variables()
def decrypt(stored: str) -> str:
    """The decrypted secret; ``""`` stays ``""``. Raises :class:`Undecipherable` if no key fits."""
    if not stored:
        return ""
    try:
        return Secret(_fernet().decrypt(stored.encode()).decode())
    except InvalidToken:
        raise Undecipherable from None


@sensitive_variables()
def renewed(stored: str) -> str:
    """The secret encrypted with the current key; ``stored`` unchanged if it already is, or if no key fits."""
    try:
        return encrypt(decrypt(stored)) if stored and not _is_with_present_key(stored) else stored
    except Undecipherable:
        return stored


def _is_with_present_key(stored: str) -> bool:
    try:
        _fernets()[0].decrypt(stored.encode())
    except InvalidToken:
        return False
    return True


@sensitive_variables()
def fingerprint(*parts: str) -> str:
    """A keyed digest, for comparing secrets without storing them."""
    return hmac.new(_key(settings.SECRET_KEY), "\x00".join(parts).encode(), hashlib.sha256).hexdigest()
