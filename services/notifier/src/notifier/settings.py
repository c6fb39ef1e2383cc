"""The notifier's knobs, from the environment."""

import ipaddress
import ssl
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from servicekit.settings import ServiceSettings
from servicekit.unreadable import why_unreadable


def token_in(file: Path | None) -> str | None:
    """Return the token that a file holds; None without a file, or when it is empty.

    Raises OSError when it can't be read and ValueError when it holds something else than one word.
    """
    if file is None:
        return None
    token = file.read_text("ascii", "replace").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("more than one word, or other characters than ASCII has")
    return token or None


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return what decides which servers are believed: the CA of a file alone, or those of the system.

    Raises OSError (ssl.SSLError is one) when the file holds no certificate. An empty file is none.
    """
    # Not `cafile=`: of an empty file, which is how compose.yaml says "none", it would say that there is no certificate.
    text = ca_file.read_text("ascii", "ignore").strip() if ca_file else ""
    return ssl.create_default_context(cadata=text or None)


def _is_webhook(address: str) -> str:
    """Accept https anywhere, and http only where nobody else can listen: this machine, or a name of this network.

    A name without dots is one of the compose network or of the site's own. What is refused is not repeated: a webhook's
    address often carries a secret.
    """
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    if url.scheme not in {"https", "http"}:
        raise ValueError("it does not begin with https://")
    if not url.host:
        raise ValueError("no host")
    if url.userinfo:
        raise ValueError("no user and password here: the token of WEBHOOK_TOKEN_FILE proves who posts")
    if url.scheme == "http" and not _is_near(url.host):
        raise ValueError(f"http:// to {url.host} would show token and incidents to everybody on the way: use https://")
    return address


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host


def _holds_a_token(file: Path) -> Path:
    try:
        token_in(file)
    except OSError as error:
        raise ValueError(why_unreadable(error)) from error
    return file


def _holds_certificates(file: Path) -> Path:
    try:
        trust(file)
    except ssl.SSLError as error:
        raise ValueError(error.strerror or str(error)) from error
    except OSError as error:
        raise ValueError(why_unreadable(error)) from error
    return file


class NotifierSettings(ServiceSettings):
    """What the notifier reads; the names are the fields' in capitals behind WEBHOOK_, the times are seconds."""

    model_config = SettingsConfigDict(env_prefix="WEBHOOK_")

    # Not shown: its path or query may be what proves who posts.
    url: Annotated[
        Annotated[str, AfterValidator(_is_webhook)] | None,
        Field(repr=False, description="https://host/path, or http:// to localhost or a name without dots"),
    ] = None
    token_file: Annotated[
        Annotated[Path, AfterValidator(_holds_a_token)] | None,
        Field(description="a file with the bearer token, one word, or an empty one for none"),
    ] = None
    ca_file: Annotated[
        Annotated[Path, AfterValidator(_holds_certificates)] | None,
        Field(description="a file with a CA's certificates in PEM form, or an empty one for the system's"),
    ] = None
    group_seconds: Annotated[float, Field(ge=1, le=3600, description="seconds, 1 to 3600")] = 60.0
    timeout_seconds: Annotated[float, Field(ge=0.1, le=60, description="seconds, 0.1 to 60")] = 10.0
