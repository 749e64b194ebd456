"""Whether the compiled twins are in use, those of sockopt, addressing, control.wire, batch and messaging.

They are where a C compiler was at hand when the package was installed, unless LIBSOCKET_PURE in the
environment says otherwise. They make no difference but speed.
"""

from __future__ import annotations

import os

try:
    if os.environ.get("LIBSOCKET_PURE"):
        raise ImportError("the plain ones were asked for")

    import libsocket._addressing
    import libsocket._messages
    import libsocket._sockopt  # noqa: F401 - whether they can be
except ImportError:
    COMPILED = False
else:
    COMPILED = True
