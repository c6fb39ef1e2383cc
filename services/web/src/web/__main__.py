"""`python -m web`: exit status 0 when it was asked to stop, 1 when something is wrong with what it was told."""

import sys

import uvicorn

from rules import file as rules_file
from servicekit import log, settings, shutdown
from web.app import create
from web.settings import WebSettings

STOP_SECONDS = 3
"""Open pages never end by themselves; they connect again."""


def main() -> int:
    """Serve the pages until stopped."""
    config = settings.load(WebSettings)
    log.configure("web", config.log_level, config.log_format)
    try:
        rules = rules_file.load(config.rules)
    except rules_file.RulesError as error:
        sys.exit(str(error))
    # Uvicorn, when it has stopped, passes the signal on to who had it before: else it would end the process.
    shutdown.on_signals()
    app = create(config, rules)
    uvicorn.run(
        app, host=config.host, port=config.port, log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=STOP_SECONDS, limit_concurrency=1000,
    )  # fmt: skip
    return 1 if getattr(app.state, "has_failed", False) else 0


if __name__ == "__main__":
    sys.exit(main())
