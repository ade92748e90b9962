"""Which addresses `data` may be: of a store that is known, and without a secret in them."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

PROTOCOLS = ("s3", "gs", "https", "http")


def checked(data: str) -> str:
    """The same, if it is a path or an address that may stand in params.yaml.

    Raises:
        ValueError: it is an address of another kind, or holds credentials.
    """
    if "://" not in data:
        return data
    shown = data.partition("://")[0]
    try:
        parts = urlsplit(data)
        is_whole = bool(parts.hostname) and bool(parts.path.strip("/"))
    except ValueError:
        raise ValueError(f"wanted an address that can be read, got one of {shown}:// that cannot") from None
    if parts.scheme not in PROTOCOLS:
        known = ", ".join(f"{one}://" for one in PROTOCOLS)
        raise ValueError(f"wanted a path, or an address of {known}, got {shown}://. Fetch it to a file first")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            f"wanted {shown}://HOST/PATH without user, password, `?` or `#`: params.yaml is no place for a "
            "secret. Put credentials into the environment"
        )
    if not is_whole or ".." in PurePosixPath(parts.path).parts:
        raise ValueError(f"wanted {shown}://BUCKET/PATH, the whole way to a file or folder, got {data!r}")
    return data
