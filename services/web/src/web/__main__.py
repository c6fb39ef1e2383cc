"""`python -m web` serves the pages; `python -m web user NAME` makes a user. Exit status 0 when it went as asked."""

import argparse
import getpass
import re
import sys

import uvicorn

from rules import file as rules_file
from servicekit import log, settings, shutdown
from web.app import create
from web.people.users import LONGEST_PASSWORD, NAME_PATTERN, SHORTEST_PASSWORD, Users, UsersError
from web.settings import WebSettings

STOP_SECONDS = 3
"""Open pages never end by themselves; they connect again."""


def serve(config: WebSettings) -> int:
    """Serve the pages until stopped."""
    log.configure("web", config.log_level, config.log_format)
    try:
        rules = rules_file.load(config.rules)
    except rules_file.RulesError as error:
        sys.exit(str(error))
    # Uvicorn, when it has stopped, passes the signal on to who had it before: else it would end the process.
    shutdown.on_signals()
    try:
        app = create(config, rules)
    except OSError as error:
        sys.exit(f"PEOPLE_DIR={str(config.people_dir)!r}: expected a folder to write to: {error}")
    uvicorn.run(
        app, host=config.host, port=config.port, log_config=None, access_log=False, ssl_certfile=config.web_tls_file,
        server_header=False, timeout_graceful_shutdown=STOP_SECONDS, limit_concurrency=1000,
    )  # fmt: skip
    return 1 if getattr(app.state, "has_failed", False) else 0


def make_user(config: WebSettings, arguments: argparse.Namespace) -> int:
    """Make a user, or give one another password or role; or remove one."""
    users, name = Users(config.people_dir), arguments.name
    try:
        if arguments.remove:
            if not users.remove(name):
                sys.exit(f"there is no user {name!r}")
            print(f"{name} dihapus; semua perangkatnya keluar")
            return 0
        users.put(name, arguments.role, _password())
    except (UsersError, OSError) as error:
        sys.exit(str(error))
    print(f"{name} dapat masuk sebagai {arguments.role}; perangkat yang lama harus masuk lagi")
    return 0


def _password() -> str:
    """Ask for a password, twice at a terminal; else it is the first line of what comes in."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Kata sandi: ")
        if getpass.getpass("Sekali lagi: ") != password:
            sys.exit("the two passwords differ")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        sys.exit(f"expected a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; found {len(password)}")
    return password


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError(f"expected letters, digits and . _ @ -, at most 64; found {text!r}")
    return text


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="web", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    user = commands.add_parser("user", help="make a user, or give one another password or role")
    user.add_argument("name", type=_name)
    user.add_argument("--role", choices=("viewer", "operator"), default="operator", help="default: operator")
    user.add_argument("--remove", action="store_true", help="remove the user instead")
    arguments = parser.parse_args()
    config = settings.load(WebSettings)
    return make_user(config, arguments) if arguments.command == "user" else serve(config)


if __name__ == "__main__":
    sys.exit(main())
