"""The hub: whether it can be reached, and its client's errors in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from ssl import SSLError
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, proxy_bypass, urlopen

from laptime.errors import UserError

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 6.0


def is_unreachable(error: BaseException) -> bool:
    """Tell whether an error means that no hub answered; every HTTP client has its own TransportError."""
    from huggingface_hub import errors

    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, ConnectionError)):
        return True
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


@contextmanager
def hub_errors(option: str, what: str, local: str, page: str) -> Iterator[None]:
    """Turn the hub client's errors into one line that says what to do.

    `option` is the flag with its value, `what` a "data set" or "model", `local` what it could have been.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise UserError(
            f"{option}: gated; accept its terms at {page}, then `hf auth login` (or set HF_TOKEN)"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{option}: the hub has it, but not in this --revision") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"{option}: no such {local} here, and no {what} of that name on the hub "
            f"(or a private one: then `hf auth login`)"
        ) from None
    except errors.HFValidationError:
        raise UserError(f"{option}: neither a {local} nor the id of a hub {what}") from None
    except errors.HfHubHTTPError as error:
        raise UserError(f"{option}: the hub answered: {str(error).splitlines()[0][:160]}") from None
    except Exception as error:
        if not is_unreachable(error):
            raise
        raise UserError(
            f"{option}: no such {local} here, not in the cache, and the hub cannot be reached; "
            f"give the path of a local copy"
        ) from None


def check_reachable() -> None:
    """Raise ConnectionError within seconds where nothing answers at the hub's address (or its proxy's).

    The client itself would retry for 24 seconds, and wait for each answer. With HF_HUB_OFFLINE nobody is
    asked.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    hub = urlsplit(constants.ENDPOINT)
    proxy = getproxies().get(hub.scheme) if not proxy_bypass(hub.hostname or "") else None
    address = urlsplit(proxy) if proxy and "//" in proxy else hub
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=CONNECT_SECONDS).close()
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=ANSWER_SECONDS).close()
    except HTTPError:  # any answer will do
        pass
    except (OSError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), SSLError):
            return  # the client has certificates of its own, and the last word
        raise ConnectionError(str(error)) from None
